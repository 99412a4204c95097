/**
 * The control plane's database: a pool for single statements, and connections of their own for what
 * needs one.
 *
 * @module
 */
import { DedicatedConnection } from "../databases/postgres/dedicated.ts";
import { Semaphore } from "../databases/semaphore.ts";
import {
  connectControl,
  control,
  type ControlQuery,
  type ControlSql,
  POOL_CONNECTIONS,
  TRANSACTIONS,
} from "./control_sql.ts";

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
        return await session.transaction(work);
      })())
    );
  }

  /** A connection of its own, closed with the scope. */
  session(name: string): DedicatedConnection {
    return new DedicatedConnection((own) => connectControl(this.#url, { ...own, name }));
  }

  close(): Promise<void> {
    return this.sql.end({ timeout: 1 });
  }
}
