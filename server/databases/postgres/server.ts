/**
 * One PostgreSQL server on which projects are placed: the dialect's parts, put together.
 *
 * @module
 */
import type { Database, DatabaseServer, Placement, RoleName, ServerReport } from "../database.ts";
import { Semaphore } from "../semaphore.ts";
import type { PostgresAddress } from "./address.ts";
import { type Admin, adminError, connectAdmin } from "./admin.ts";
import { ConnectionBudget } from "./connect.ts";
import { PostgresDatabase } from "./database.ts";
import { installExtension } from "./extensions.ts";
import { closeDatabases, inspectServer } from "./inspect.ts";
import { DEFAULT_LOGIN_LIMITS, type LoginLimits, loginNames } from "./logins.ts";
import { OwnValidator } from "./own_validator.ts";
import {
  createProject,
  dropProject,
  type GuardSettings,
  migrateProject,
  type Provisioning,
  setGuards,
} from "./provision.ts";
import type { StatementValidator } from "./runtime.ts";
import { BLUEPRINT, type Blueprint } from "./template/steps.ts";
import { ensureTemplate } from "./template/template.ts";
import { forbiddenFunctions } from "./template/forbidden_functions.ts";

/** How a server is used. */
export interface PostgresServerOptions {
  /** The server is Fluxbase's alone: PUBLIC may enter none of its databases. Default false. */
  readonly hardenCluster?: boolean;
  /** The parser's wall. Default: one by what this server withholds from tenants. */
  readonly validator?: StatementValidator;
  /** Walls around each login. */
  readonly limits?: LoginLimits;
  /** What a project's database is made of; other than the present one only in tests. */
  readonly blueprint?: Blueprint;
  /** Told each step of making and removing a project; what it throws ends it there. */
  readonly onStep?: (step: string) => void;
}

/** Until the control plane says what this process's share of the server is. */
const FIRST_BUDGET = 20;

/** Projects that one process makes or removes at a time on one server. */
const PROVISIONED_AT_ONCE = 3;

/** A PostgreSQL 16 or newer, administered by a superuser. */
export class PostgresServer implements DatabaseServer {
  readonly dialect = "postgres";
  readonly #address: PostgresAddress;
  readonly #hardenCluster: boolean;
  readonly #admin: Admin;
  /** Cancels statements; never behind the slow work of making and removing projects. */
  readonly #guardian: Admin;
  readonly #provisioning: Provisioning;
  readonly #validator: StatementValidator;
  /** Made with the server's own list of functions that tenants may not call. */
  readonly #ownValidator: OwnValidator | undefined;
  readonly #budget = new ConnectionBudget({ connections: FIRST_BUDGET });

  constructor(address: PostgresAddress, options: PostgresServerOptions = {}) {
    this.#address = address;
    this.#hardenCluster = options.hardenCluster ?? false;
    this.#admin = connectAdmin(address, { max: 2 });
    this.#guardian = connectAdmin(address, { max: 2 });
    this.#validator = options.validator ?? (this.#ownValidator = new OwnValidator(
      () => this.#administer(() => forbiddenFunctions(this.#admin)),
    ));
    this.#provisioning = {
      admin: this.#admin,
      places: new Semaphore(PROVISIONED_AT_ONCE),
      address,
      blueprint: options.blueprint ?? BLUEPRINT,
      limits: options.limits ?? DEFAULT_LOGIN_LIMITS,
      ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    };
  }

  inspect(): Promise<ServerReport> {
    const { adminUrl } = this.#address;
    return inspectServer(this.#admin, adminUrl).catch((error: unknown) => {
      throw adminError(error, adminUrl, "SERVER_UNSUITABLE");
    });
  }

  prepare(): Promise<void> {
    return this.#administer(async () => {
      await inspectServer(this.#admin, this.#address.adminUrl);
      await closeDatabases(this.#admin, this.#address, this.#hardenCluster);
      await ensureTemplate(this.#admin, this.#address, this.#provisioning.blueprint);
    });
  }

  create(placement: Placement): Promise<void> {
    return this.#administer(() => createProject(this.#provisioning, placement));
  }

  drop(placement: Placement): Promise<void> {
    return this.#administer(() => dropProject(this.#provisioning, placement));
  }

  migrate(placement: Placement): Promise<void> {
    return this.#administer(async () => {
      await migrateProject(this.#provisioning, placement);
    });
  }

  roleNames(placement: Placement): Readonly<Record<RoleName, string>> {
    return loginNames(placement);
  }

  installExtension(placement: Placement, name: string): Promise<void> {
    return this.#administer(() => installExtension(this.#provisioning, placement, name));
  }

  /** Sets what the guards of the project's database measure by. */
  setGuards(placement: Placement, settings: GuardSettings): Promise<void> {
    return this.#administer(() => setGuards(this.#provisioning, placement, settings));
  }

  open(placement: Placement): Database {
    return new PostgresDatabase({
      address: this.#address,
      placement,
      validator: this.#validator,
      budget: this.#budget,
      admin: this.#guardian,
      logins: this.#provisioning.limits,
    });
  }

  /** Connections held for projects, and the requests that wait for one. */
  get use(): { readonly open: number; readonly waiting: number } {
    const { open, waiting } = this.#budget;
    return { open, waiting };
  }

  setConnectionBudget(connections: number): void {
    this.#budget.setLimit(connections);
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#admin.end({ timeout: 5 }),
      this.#guardian.end({ timeout: 5 }),
      this.#ownValidator?.close(),
    ]);
  }

  async #administer<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw adminError(error, this.#address.adminUrl);
    }
  }
}
