/**
 * One project's database on a PostgreSQL server.
 *
 * @module
 */
import type { Sql } from "postgres";
import type {
  Actor,
  Database,
  DatabaseSchema,
  Limits,
  Placement,
  ResultSet,
  RoleName,
  Statement,
  StreamChunk,
  TransactionOptions,
} from "../database.ts";
import { databaseName, loginName, type PostgresAddress } from "./address.ts";
import { errorCode } from "./admin.ts";
import { batch } from "./batch.ts";
import type { ConnectionBudget } from "./connect.ts";
import { describeDatabase } from "./describe.ts";
import { endpointOf } from "./dial.ts";
import { execute } from "./execute.ts";
import { failure, loginFailure } from "./failures.ts";
import { DEFAULT_LOGIN_LIMITS, type LoginLimits, setLogins } from "./logins.ts";
import type { Pool } from "./pool.ts";
import { PreparedTexts } from "./prepared.ts";
import { hold, type Runtime, type StatementValidator } from "./runtime.ts";
import type { Login } from "./driver.ts";
import { Session } from "./session.ts";
import { stream } from "./stream.ts";
import { TypeCatalog } from "./types.ts";
import { Watchdog } from "./watchdog.ts";

/** What a project's database is reached and guarded with. */
export interface PostgresDatabaseOptions {
  readonly address: PostgresAddress;
  readonly placement: Placement;
  readonly validator: StatementValidator;
  /** Shared by all projects on the server. */
  readonly budget: ConnectionBudget;
  /** The administrator's connections; they never touch what is the project's. */
  readonly admin: Sql;
  /** The walls around each login that the project was made with. */
  readonly logins?: LoginLimits;
}

const INVALID_PASSWORD = "28P01";

/** Runs statements as the project's own logins. Connections open on demand. */
export class PostgresDatabase implements Database {
  readonly #options: PostgresDatabaseOptions;
  readonly #limits: LoginLimits;
  readonly #runtime: Runtime;
  #repairing: Promise<void> | undefined;

  constructor(options: PostgresDatabaseOptions) {
    this.#options = options;
    this.#limits = options.logins ?? DEFAULT_LOGIN_LIMITS;
    const pool = (role: RoleName) => this.#pool(role);
    this.#runtime = {
      placement: options.placement,
      validator: options.validator,
      watchdog: new Watchdog(options.admin),
      catalog: new TypeCatalog(),
      texts: new PreparedTexts(),
      pools: {
        owner: pool("owner"),
        service_rw: pool("service_rw"),
        service_ro: pool("service_ro"),
        user_rw: pool("user_rw"),
        user_ro: pool("user_ro"),
        loader: pool("loader"),
      },
    };
  }

  execute(actor: Actor, statement: Statement, limits: Limits): Promise<ResultSet> {
    return execute(this.#runtime, actor, statement, limits);
  }

  batch(
    actor: Actor,
    statements: readonly Statement[],
    options: TransactionOptions,
    limits: Limits,
  ): Promise<ResultSet[]> {
    return batch(this.#runtime, actor, statements, options, limits);
  }

  stream(
    actor: Actor,
    statement: Statement,
    limits: Omit<Limits, "maxRows" | "maxBytes">,
  ): AsyncIterableIterator<StreamChunk> {
    return stream(this.#runtime, actor, statement, limits);
  }

  async describe(
    actor: Actor,
    limits: Pick<Limits, "timeoutMs" | "signal">,
  ): Promise<DatabaseSchema> {
    const { session, watch, release } = await hold(this.#runtime, actor.role, limits);
    try {
      return await describeDatabase(session.ask);
    } catch (error) {
      const { reason } = watch;
      const { fatalState } = session;
      throw failure(error, { role: actor.role, class: "read", reason, fatalState });
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    const { watchdog, pools } = this.#runtime;
    watchdog.stopAll();
    await Promise.all(Object.values(pools).map((pool) => pool.close()));
    watchdog.close();
  }

  #pool(role: RoleName): Pool<Session> {
    const { budget, placement } = this.#options;
    return budget.pool({
      project: placement.token,
      maxConnections: this.#limits.connections,
      open: () => this.#open(role),
    });
  }

  async #open(role: RoleName): Promise<Session> {
    const { address, placement } = this.#options;
    const user = loginName(placement, role);
    const login: Login = {
      endpoint: endpointOf(address),
      database: databaseName(placement),
      user,
      password: () => address.rolePassword(user),
    };
    const open = () => Session.open(login, this.#runtime.catalog);
    try {
      return await open().catch(async (error) => {
        if (errorCode(error) !== INVALID_PASSWORD) throw error;
        await this.#repairLogins();
        return open();
      });
    } catch (error) {
      throw loginFailure(error);
    }
  }

  /** A tenant's own code has changed a password, which no privilege prevents. */
  #repairLogins(): Promise<void> {
    const { admin, address, placement } = this.#options;
    return this.#repairing ??= setLogins(admin, address, placement, this.#limits)
      .finally(() => this.#repairing = undefined);
  }
}
