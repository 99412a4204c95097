/**
 * The client: one object for a server, a key and, where there is one, an end user.
 *
 * @module
 */
import { createTRPCClient, type TRPCClient } from "@trpc/client";
import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "./contract.ts";
import type { DatabaseTypes, RowOf, TableName, UnknownRow, Untyped } from "./database_types.ts";
import { fluxbaseErrorOf } from "./errors.ts";
import { linksOf } from "./links.ts";
import { encodeParameters, type Json, type Parameter } from "./parameters.ts";
import { type DecodeOptions, type QueryResult, rowDecoder, type Rows } from "./rows.ts";
import {
  type CallOptions,
  type Sql,
  SqlQuery,
  sqlTag,
  type Statement,
  type StreamOptions,
} from "./sql.ts";
import { openStream } from "./stream.ts";
import { transportOf, type TransportOptions } from "./transport.ts";

/** Where the server is, who asks, and how values are wanted. */
export interface ClientOptions extends TransportOptions {
  /** How some types become JavaScript values. The defaults lose nothing. */
  readonly decode?: DecodeOptions;
}

/** How one query runs and in what form its rows come. */
export interface QueryOptions extends CallOptions {
  /** `array` gives rows as arrays, in which equal column names survive. */
  readonly rowMode?: "object" | "array";
}

/** How the one transaction of a batch runs. */
export interface BatchOptions extends CallOptions {
  readonly isolation?: "read committed" | "repeatable read" | "serializable";
  readonly readOnly?: boolean;
}

/** A statement of a batch: made by the tag, or a text with its parameters. */
export type BatchStatement =
  | SqlQuery<unknown>
  | { readonly query: string; readonly params?: readonly Parameter[] };

/** The results of a batch, each with its own statement's rows. */
export type BatchResults<Statements extends readonly BatchStatement[]> = {
  -readonly [K in keyof Statements]: QueryResult<
    Statements[K] extends SqlQuery<infer R> ? R : UnknownRow
  >;
};

/** Tables, columns, keys, indexes and policies, as the key may see them. */
export type DatabaseSchema = inferRouterOutputs<AppRouter>["sql"]["describe"];

/** A client for one server and key. Its methods need no `this`. */
export interface Client<DB extends DatabaseTypes = Untyped> {
  /** Statements as tagged templates, in which every interpolated value is a bound parameter. */
  readonly sql: Sql<DB>;
  /** Runs a statement given as text, with values for `$1`, `$2`, … */
  query<R extends object | TableName<DB> = UnknownRow>(
    text: string,
    params?: readonly Parameter[],
    options?: QueryOptions & { readonly rowMode?: "object" },
  ): Promise<QueryResult<RowOf<DB, R>>>;
  query(
    text: string,
    params: readonly Parameter[],
    options: QueryOptions & { readonly rowMode: "array" },
  ): Promise<QueryResult<unknown[]>>;
  /** Runs several statements in one transaction: all or none. */
  batch<const Statements extends readonly BatchStatement[]>(
    statements: Statements,
    options?: BatchOptions,
  ): Promise<BatchResults<Statements>>;
  /**
   * The rows of a statement one after the other, however many, in bounded memory. The statement
   * runs when the loop begins; leaving the loop stops it.
   */
  stream<R extends object | TableName<DB> = UnknownRow>(
    text: string,
    params?: readonly Parameter[],
    options?: StreamOptions,
  ): AsyncGenerator<RowOf<DB, R>, void>;
  /** Tables, columns, keys, indexes and policies, as the key may see them. */
  describe(options?: { readonly signal?: AbortSignal }): Promise<DatabaseSchema>;
  /** Every procedure of the server, typed; its values and errors are as they travel. */
  readonly trpc: TRPCClient<AppRouter>;
}

/**
 * Makes a client. Nothing is sent until the first call. Throws `TypeError` on a URL or key that
 * cannot be one.
 *
 * @example
 * ```ts
 * import { createClient } from "@fluxbase/client";
 *
 * const client = createClient({ url: "http://127.0.0.1:8000", key: "flx_sk_your_key" });
 *
 * async function namesOf(team: string): Promise<string[]> {
 *   const users = await client.sql<{ name: string }>`select name from users where team = ${team}`;
 *   return users.map((user) => user.name);
 * }
 * ```
 */
export function createClient<DB extends DatabaseTypes = Untyped>(
  options: ClientOptions,
): Client<DB> {
  const transport = transportOf(options);
  const trpc = createTRPCClient<AppRouter>({ links: linksOf(transport) });
  const { decode } = options;

  async function execute(
    { query, params }: Statement,
    { signal, timeoutMs, maxRows, maxBytes }: CallOptions,
  ): Promise<WireResult> {
    const input = { ...wireStatement(query, params), ...given({ timeoutMs, maxRows, maxBytes }) };
    return await settled(trpc.sql.execute.mutate(input, given({ signal })), signal);
  }

  const sql = sqlTag<DB>({
    async objects(statement, options) {
      return rowsOf(objectResult(await execute(statement, options), decode));
    },
    async arrays(statement, options) {
      return rowsOf(arrayResult(await execute(statement, options), decode));
    },
    stream: streamRows,
  });

  async function query(
    text: string,
    params: readonly Parameter[] = [],
    { rowMode, ...options }: QueryOptions = {},
  ): Promise<QueryResult<never>> {
    const result = await execute({ query: text, params }, options);
    const decoded = rowMode === "array"
      ? arrayResult(result, decode)
      : objectResult(result, decode);
    // The type of the rows is the caller's word: SQL text has none.
    return decoded as QueryResult<never>;
  }

  async function batch<const Statements extends readonly BatchStatement[]>(
    statements: Statements,
    options: BatchOptions = {},
  ): Promise<BatchResults<Statements>> {
    const { signal, ...settings } = options;
    const input = {
      statements: statements.map((statement) => {
        const { query, params } = statement instanceof SqlQuery
          ? statement.toStatement()
          : statement;
        return wireStatement(query, params);
      }),
      ...given(settings),
    };
    const { results } = await settled(trpc.sql.batch.mutate(input, given({ signal })), signal);
    return results.map((result) => objectResult(result, decode)) as BatchResults<Statements>;
  }

  async function* streamRows(
    { query, params }: Statement,
    { signal, timeoutMs }: StreamOptions,
  ): AsyncGenerator<UnknownRow, void> {
    const input = { ...wireStatement(query, params), ...given({ timeoutMs }) };
    let decoder = rowDecoder([], decode);
    for await (const chunk of openStream(transport, "sql.stream", input, signal)) {
      if ("columns" in chunk) decoder = rowDecoder(chunk.columns, decode);
      else if ("rows" in chunk) { for (const row of chunk.rows) yield decoder.object(row); }
    }
  }

  return {
    sql,
    query,
    batch,
    stream: (text, params = [], options = {}) =>
      streamRows({ query: text, params }, options) as AsyncGenerator<never, void>,
    describe: ({ signal } = {}) =>
      settled(trpc.sql.describe.query(undefined, given({ signal })), signal),
    trpc,
  };
}

/** A result as it travels. */
type WireResult = inferRouterOutputs<AppRouter>["sql"]["execute"];

function wireStatement(
  query: string,
  params: readonly unknown[] = [],
): { query: string; params?: Json[] } {
  return params.length === 0 ? { query } : { query, params: encodeParameters(params) };
}

/** Waits for a call of tRPC's; throws the client's own errors, and the abort's reason. */
async function settled<T>(call: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await call;
  } catch (thrown) {
    if (signal?.aborted) throw signal.reason;
    const error = fluxbaseErrorOf(thrown);
    if (error !== undefined) throw error;
    // What the caller's own functions (`token`, `headers`) threw comes out as it was.
    throw thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  }
}

function objectResult(
  { rows, ...info }: WireResult,
  decode: DecodeOptions | undefined,
): QueryResult<UnknownRow> {
  const decoder = rowDecoder(info.columns, decode);
  return { rows: rows.map((row) => decoder.object(row)), ...info };
}

function arrayResult(
  { rows, ...info }: WireResult,
  decode: DecodeOptions | undefined,
): QueryResult<unknown[]> {
  const decoder = rowDecoder(info.columns, decode);
  return { rows: rows.map((row) => decoder.array(row)), ...info };
}

/** The rows with what is known of the result beside them, out of the way of loops and JSON. */
function rowsOf<Row>({ rows, ...info }: QueryResult<Row>): Rows<Row> {
  for (const [name, value] of Object.entries(info)) Object.defineProperty(rows, name, { value });
  return rows as Rows<Row>;
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only what is given: an option that is `undefined` is one that is not there. */
function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Given<T>;
}
