/**
 * The control plane's database: a pool for single statements, and sessions of their own for what
 * needs one. The driver's `begin` and `reserve` are not used: when their connection is lost, their
 * next statement (a `rollback` that nobody asked for, say) writes to a socket that is no more, and
 * that error ends the process.
 *
 * @module
 */
import {
  connectControl,
  control,
  type ControlQuery,
  type ControlSql,
  POOL_CONNECTIONS,
  TRANSACTIONS,
} from "./control_sql.ts";
import { Semaphore } from "./semaphore.ts";

/** The one database that all Fluxbase processes share. */
export class ControlDatabase {
  readonly sql: ControlSql;
  readonly #url: string;
  readonly #transactions = new Semaphore(TRANSACTIONS);

  /** Administrator's URL; connects on demand. */
  constructor(url: string) {
    this.#url = url;
    this.sql = connectControl(url, { max: POOL_CONNECTIONS, name: "fluxbase control" });
  }

  /** Runs work in one transaction; `DATABASE_UNAVAILABLE` when the database is away. */
  transaction<T>(work: (tx: ControlQuery) => Promise<T>): Promise<T> {
    return this.#transactions.run(() =>
      control((async () => {
        await using session = this.session("fluxbase transaction");
        const { query } = session;
        await query`BEGIN`;
        // A failure ends the session, which rolls back.
        const result = await work(query);
        await query`COMMIT`;
        return result;
      })())
    );
  }

  /** A connection of its own, closed with the scope. */
  session(name: string): ControlSession {
    return new ControlSession(this.#url, name);
  }

  close(): Promise<void> {
    return this.sql.end({ timeout: 1 });
  }
}

/** One connection, never replaced by another one. */
export class ControlSession implements AsyncDisposable {
  readonly #sql: ControlSql;
  #lost = false;
  readonly #loss = Promise.withResolvers<never>();
  /** Runs a statement; throws, and sends nothing, once the connection is lost. */
  readonly query: ControlQuery;

  constructor(url: string, name: string) {
    this.#sql = connectControl(url, {
      max: 1,
      name,
      onclose: () => {
        this.#lost = true;
        this.#loss.reject(lost());
      },
    });
    this.#loss.promise.catch(() => {}); // Most sessions end without anybody waiting for it.
    this.query = async (template, ...parameters) => {
      this.#requireHeld();
      return await this.#sql(template, ...parameters);
    };
  }

  /** Whether the connection was lost, and with it its locks and its transaction. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Awaits work that needs the session to stand; rejects as soon as the connection is lost. */
  async whileHeld<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#loss.promise]);
  }

  /** Runs a text of one or more statements, without parameters. */
  async run(text: string): Promise<void> {
    this.#requireHeld();
    await this.#sql.unsafe(text);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#sql.end({ timeout: 1 });
  }

  #requireHeld(): void {
    if (this.#lost) throw lost();
  }
}

function lost(): Error {
  const message = "Session with the control plane's database was lost";
  return Object.assign(new Error(message), { code: "CONNECTION_CLOSED" });
}
