/**
 * One login's connection: a postgres.js instance of one connection on a guarded socket. It is
 * handed to one request at a time and carries nothing from one to the next.
 *
 * @module
 */
import type postgres from "postgres";
import type { JsonValue } from "../database.ts";
import { cancelBackend, dial, type Endpoint } from "./dial.ts";
import {
  type Bound,
  type DriverColumn,
  type DriverQuery,
  isCancel,
  isStalePlan,
  type Login,
  openDriver,
} from "./driver.ts";
import type { RowLimits } from "./row_gate.ts";
import type { RunQuery, TypeCatalog } from "./types.ts";
import { GuardedSocket, GuardError } from "./wire.ts";

/** A statement's description by the server. */
export interface Description {
  readonly columns: readonly DriverColumn[];
  readonly parameters: readonly number[];
}

/** What a statement brought. */
export interface RawResult {
  readonly columns: readonly DriverColumn[];
  readonly rows: JsonValue[][];
  /** Rows returned or changed, as the server says; null for statements that do not count. */
  readonly count: number | null;
  /** The server's word for the statement; null when it was cut off. */
  readonly command: string | null;
}

/** How a statement is sent. */
export interface RunOptions {
  /** Whether to keep the plan under a name of its own. */
  readonly prepare: boolean;
  /** Whether this is all that the request sends. */
  readonly last?: boolean;
}

/** Above this a session has planned enough; another one starts afresh. */
const MAX_PREPARED = 200;
/** How long a server may take to end a session that said goodbye. */
const GOODBYE_MS = 5_000;

/** One connection of one login. */
export class Session {
  readonly #guard: GuardedSocket;
  readonly #sql: postgres.Sql;
  readonly #endpoint: Endpoint;
  /** Types of the parameters by text; undefined while the server has not described it. */
  readonly #prepared = new Map<string, readonly number[] | undefined>();
  /** Cancel requests whose connection is still open. */
  #cancels = 0;
  #canceled: Promise<void> | undefined;
  #suspect = false;
  #condemned = false;
  #onFree: ((fit: boolean) => void) | undefined;

  private constructor(guard: GuardedSocket, sql: postgres.Sql, endpoint: Endpoint) {
    this.#guard = guard;
    this.#sql = sql;
    this.#endpoint = endpoint;
    guard.onQuiet = () => this.#settle();
  }

  /** Connects and logs in; throws the driver's error when the server refuses. */
  static async open(login: Login, catalog: TypeCatalog): Promise<Session> {
    let guard: GuardedSocket | undefined;
    const sql = openDriver(login, catalog, async () => {
      // The driver would connect again by itself; a session is one connection.
      if (guard !== undefined) throw sessionOver();
      return guard = new GuardedSocket(await dial(login.endpoint));
    });
    try {
      await sql.unsafe("").simple();
    } catch (error) {
      await guard?.shut();
      throw error;
    }
    if (guard === undefined) throw sessionOver();
    guard.begin();
    return new Session(guard, sql, login.endpoint);
  }

  /** The backend's process id. */
  get pid(): number {
    return this.#guard.key?.pid ?? 0;
  }

  /** Whether the connection is lost or must not be used again. */
  get over(): boolean {
    return this.#guard.broken;
  }

  /** SQLSTATE with which the server ended the session, where it said one. */
  get fatalState(): string | undefined {
    return this.#guard.fatalState;
  }

  /** Called once when the backend is gone. */
  set onGone(callback: () => void) {
    if (this.#guard.gone) queueMicrotask(callback);
    else this.#guard.onGone = callback;
  }

  /** Rows and bytes that the request may bring in from now on. */
  limit(limits: RowLimits | undefined): void {
    this.#guard.rows.limit(limits);
  }

  /** What was dropped since {@linkcode limit}. */
  get cut(): {
    readonly truncated: boolean;
    readonly rowTooLarge: boolean;
    readonly bytes: number;
  } {
    return this.#guard.rows;
  }

  /** The transaction's state: `I` idle, `T` in one, `E` in a failed one. */
  get status(): string {
    return this.#guard.status;
  }

  /** Whether a statement failed whose plan may have been made for tables as they were before. */
  get suspect(): boolean {
    return this.#suspect;
  }

  /**
   * Runs one statement by the extended protocol: never more than one, never as a script. Statements
   * may be sent without waiting for those before; then each must be {@linkcode pipelines}.
   */
  async run(text: string, params: readonly Bound[], options: RunOptions): Promise<RawResult> {
    const rows: JsonValue[][] = [];
    const planned = options.prepare && this.#prepared.has(text);
    const query = this.#query(text, this.#serialize(text, params), options.prepare);
    query.isRaw = "values";
    query.forEachFn = (row) => rows.push(row);
    if (options.last === true) this.#guard.armReset();
    try {
      const { count, command } = await query;
      if (options.prepare) this.#prepared.set(text, query.statement?.types);
      return { columns: query.statement?.columns ?? [], rows, count, command };
    } catch (error) {
      if (planned && rows.length === 0 && isStalePlan(error)) {
        this.#suspect = true;
        // Nothing of it was carried out, and without a transaction around it nothing else either.
        if (options.last === true) return this.#runAnew(text, params);
      }
      // What we cut off ourselves has its rows all the same.
      if (this.#guard.rows.truncated && (isCancel(error) || isSevered(error))) {
        return { columns: query.statement?.columns ?? [], rows, count: null, command: null };
      }
      throw error;
    }
  }

  /** Runs a statement whose plan is suspected; the session is not kept when it was to blame. */
  async #runAnew(text: string, params: readonly Bound[]): Promise<RawResult> {
    const result = await this.run(text, params, { prepare: false, last: true });
    this.condemn();
    return result;
  }

  /** The session ends after this request. */
  condemn(): void {
    this.#condemned = true;
  }

  /**
   * Whether nothing can go wrong on this side once the statement is handed to the driver. With
   * statements ahead of it, postgres.js takes a parameter that fails to encode for an error of one
   * of those, and waits for ever for an answer to what it never sent.
   */
  pipelines(text: string, params: readonly Bound[]): boolean {
    return params.length === 0 || this.#prepared.get(text) !== undefined;
  }

  /** The texts of parameters, where their types are known already. */
  #serialize(text: string, params: readonly Bound[]): readonly Bound[] {
    if (params.length === 0) return params;
    const types = this.#prepared.get(text);
    if (types === undefined) return params;
    const { serializers } = this.#sql.options;
    return params.map((param, index) => {
      const serialize = serializers[types[index] ?? 0];
      return param === null ? null : String(serialize === undefined ? param : serialize(param));
    });
  }

  /** Runs one statement and gives each row to the sink as it comes. */
  async feed(
    text: string,
    params: readonly Bound[],
    sink: (row: JsonValue[]) => void,
  ): Promise<{ readonly count: number | null; readonly command: string | null }> {
    const query = this.#query(text, params, true);
    query.isRaw = "values";
    query.forEachFn = sink;
    const { count, command } = await query;
    return { count, command };
  }

  /** Asks the server what a statement's columns and parameters are. */
  async describe(text: string, params: readonly Bound[]): Promise<Description> {
    const query = this.#query(text, params, true).describe();
    await query;
    const parameters = query.statement?.types ?? [];
    this.#prepared.set(text, parameters);
    return { columns: query.statement?.columns ?? [], parameters };
  }

  /** Runs a query of Fluxbase's own: text in, text out. */
  readonly ask: RunQuery = async (text, params) => {
    // A cancel that is on its way was meant for the statement before.
    if (this.#cancels > 0) await this.#canceled;
    this.#guard.rows.exempt = true;
    const rows: (string | null)[][] = [];
    const query = this.#query(text, params, false);
    query.isRaw = true;
    // With `isRaw` true the driver gives the bytes of each cell, untouched by parsers.
    query.forEachFn = (row: unknown[]) =>
      rows.push(row.map((cell) => cell === null ? null : String(cell)));
    try {
      await query;
    } finally {
      this.#guard.rows.exempt = false;
    }
    return rows;
  };

  #query(text: string, params: readonly Bound[], prepare: boolean): DriverQuery {
    if (prepare && !this.#prepared.has(text)) this.#prepared.set(text, undefined);
    // `simple` would be true without parameters, and then a text may hold several statements.
    return this.#sql.unsafe(text, params as string[], {
      prepare,
      simple: false,
    } as postgres.UnsafeQueryOptions) as unknown as DriverQuery;
  }

  /** Stops and starts reading rows: the server waits meanwhile. */
  pause(): void {
    this.#guard.pause();
  }

  resume(): void {
    this.#guard.resume();
  }

  /** Drops all rows that are still to come for this request. */
  discard(): void {
    this.#guard.discard();
  }

  /**
   * Cancels the running statement. The session is not free again before the request for it is
   * through, so that it can never hit the next request's statement.
   */
  cancel(): void {
    const key = this.#guard.key;
    if (key === undefined || this.over) return;
    this.#cancels++;
    this.#canceled = cancelBackend(this.#endpoint, key).then(() => {
      this.#cancels--;
      this.#settle();
    });
  }

  /** Fails what is under way, though the server still works on it. */
  abandon(): void {
    this.#guard.abandon(sessionOver());
  }

  /**
   * Ends a request. Calls back with `true` once nothing is left of it, with `false` when the
   * session is not to be used again.
   */
  release(onFree: (fit: boolean) => void): void {
    this.#guard.rows.limit(undefined);
    this.#suspect = false;
    this.#onFree = onFree;
    this.#settle();
  }

  #settle(): void {
    const onFree = this.#onFree;
    if (onFree === undefined) return;
    if (!this.over) {
      if (!this.#guard.quiet || this.#cancels > 0) return;
      if (!this.#guard.clean) this.#guard.reset();
      if (!this.over && !this.#guard.clean) return;
    }
    this.#onFree = undefined;
    onFree(!this.over && !this.#condemned && this.#prepared.size <= MAX_PREPARED);
  }

  /** Ends the session; `onGone` follows. */
  end(): void {
    this.#guard.terminate();
    // A backend that hears nothing counts until it is gone, however long that takes.
    if (this.#guard.abandoned) return;
    // Not before the server has gone too: until then the connection counts.
    const timer = setTimeout(() => this.#guard.destroy(), GOODBYE_MS);
    this.#guard.once("close", () => clearTimeout(timer));
  }
}

function isSevered(error: unknown): boolean {
  return error instanceof GuardError && error.code === "ROW_SEVERED";
}

/** Error code of a session that ended before the statement was sent. */
export const SESSION_OVER = "SESSION_OVER";

function sessionOver(): Error {
  return Object.assign(new Error("The session is over"), { code: SESSION_OVER });
}
