/**
 * postgres.js as sessions use it: its options, the parts that its types do not show, and what
 * its errors mean for a plan.
 *
 * @module
 */
import postgres from "postgres";
import type { JsonValue } from "../database.ts";
import type { Endpoint } from "./dial.ts";
import { BUILTIN_TYPES } from "./oids.ts";
import { type Parameter, parameterSerializersOf } from "./parameters.ts";
import type { TypeCatalog } from "./types.ts";
import type { GuardedSocket } from "./wire.ts";

/** How a session logs in. */
export interface Login {
  readonly endpoint: Endpoint;
  readonly database: string;
  readonly user: string;
  /** Called when the server asks for a password. */
  readonly password: () => string;
}

/** A bound parameter as `encodeParameter` gives it. */
export type Bound = string | null | Parameter;

/** A result's column as the driver has it. */
export interface DriverColumn {
  readonly name: string;
  /** Object id of the type. */
  readonly type: number;
}

/** What the driver resolves a query with; rows go to the sink instead. */
export interface DriverResult {
  readonly count: number | null;
  readonly command: string | null;
  readonly columns: readonly DriverColumn[] | null;
}

/**
 * The parts of postgres.js's query object that its types do not show. They are read from its
 * source at the pinned version; `session_test.ts` runs each of them.
 */
export interface DriverQuery extends Promise<DriverResult> {
  statement: {
    readonly columns: readonly DriverColumn[] | undefined;
    readonly types: readonly number[];
  } | null;
  isRaw: true | "values";
  forEachFn: (row: JsonValue[]) => void;
  describe(): DriverQuery;
}

const CONNECT_TIMEOUT_SECONDS = 10;
/**
 * Parameters of the start packet: the values that resets lead back to. They stand above whatever a
 * tenant's own code attached to its role. The time-outs are backstops behind the watchdog's.
 */
const START_PARAMETERS = {
  application_name: "fluxbase",
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  search_path: "public, extensions",
  TimeZone: "UTC",
  DateStyle: "ISO",
  IntervalStyle: "iso_8601",
  extra_float_digits: 1,
  bytea_output: "hex",
  lc_monetary: "C",
  xmloption: "content",
  lock_timeout: 15_000,
  statement_timeout: 3_660_000,
  idle_in_transaction_session_timeout: 60_000,
  // A backend whose Fluxbase was killed ends by itself instead of computing on for nobody.
  client_connection_check_interval: 1_000,
  // Parameters may hold secrets (claims among them) and stay out of errors and logs.
  log_parameter_max_length_on_error: 0,
} as const;

/** A driver of one connection, which it opens by `socket` at the first query. */
export function openDriver(
  login: Login,
  catalog: TypeCatalog,
  socket: () => Promise<GuardedSocket>,
): postgres.Sql {
  const options = {
    host: login.endpoint.host,
    port: login.endpoint.port,
    database: login.database,
    user: login.user,
    pass: login.password,
    max: 1,
    ssl: false,
    fetch_types: false,
    max_lifetime: null,
    idle_timeout: undefined,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    no_subscribe: true,
    onnotice: () => {},
    connection: START_PARAMETERS,
    socket,
  };
  const sql = postgres(options);
  forgetFailedTexts(sql);
  useCodecs(sql, catalog);
  return sql;
}

/** Whether the statement was canceled. */
export function isCancel(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === "57014";
}

/**
 * Whether a named statement's plan may be to blame: a result that changed (0A000), a name that is
 * lost (26000). Parameters keep the types that they had when the statement was prepared: they may
 * not fit a changed column (class 42), or their values not the old type (class 22, in the
 * parameter's own context).
 */
export function isStalePlan(error: unknown): boolean {
  if (!(error instanceof postgres.PostgresError)) return false;
  return /^(42|26000|0A000)/.test(error.code) || isParameterError(error);
}

/**
 * Whether a value of class 22 came with the parameters: then PostgreSQL's context begins with the
 * parameter's number (`unnamed portal parameter $1`), in whatever language it speaks.
 */
export function isParameterError(error: postgres.PostgresError): boolean {
  return error.code.startsWith("22") && error.where !== undefined &&
    /^[^"\n]*\$\d+/.test(error.where);
}

/**
 * postgres.js keeps the text of every `unsafe` statement that fails, for ever, in a map from which
 * it reads where a tagged template stood (`Query.origin`). A tenant would fill the memory with it.
 */
function forgetFailedTexts(sql: postgres.Sql): void {
  const prototype: object = Object.getPrototypeOf(sql.unsafe(""));
  const kept = Object.getOwnPropertyDescriptor(prototype, "origin")?.get;
  if (kept === undefined || patched.has(kept)) return;
  const get = function (this: { readonly tagged: boolean }): unknown {
    return this.tagged ? kept.call(this) : "";
  };
  patched.add(get);
  Object.defineProperty(prototype, "origin", { get, configurable: true });
}

const patched = new WeakSet<() => unknown>();

/** Cells of built-in types are decoded as the driver reads them; all others come as text. */
function useCodecs(sql: postgres.Sql, catalog: TypeCatalog): void {
  const { options } = sql;
  for (const oid of Object.keys(options.parsers)) delete options.parsers[Number(oid)];
  for (const [oid, { shape }] of BUILTIN_TYPES) {
    if (shape.kind === "text") continue;
    const codec = catalog.codec(oid);
    if (codec !== undefined) options.parsers[oid] = (text: string) => codec.decode(text);
  }
  options.serializers = parameterSerializersOf(catalog);
}
