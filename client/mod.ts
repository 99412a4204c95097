/**
 * The typed client of Fluxbase: SQL by tagged templates, exact values, streams, transactions, and
 * the bare tRPC client underneath. Runs on Deno, Node 20 or newer, Bun and browsers.
 *
 * @example
 * ```ts
 * import { createClient } from "@fluxbase/client";
 *
 * const client = createClient({ url: "http://127.0.0.1:8000", key: "flx_sk_your_key" });
 *
 * async function emailOf(id: bigint): Promise<string | undefined> {
 *   const [user] = await client.sql<{ email: string }>`select email from users where id = ${id}`;
 *   return user?.email;
 * }
 * ```
 *
 * @module
 */

// The client
export { createClient } from "./client.ts";
export type {
  BatchOptions,
  BatchResults,
  BatchStatement,
  Client,
  ClientOptions,
  DatabaseSchema,
  QueryOptions,
} from "./client.ts";
export type { Evaluated, Fetch, TransportOptions } from "./transport.ts";

// Statements
export type { CallOptions, Fragment, Sql, SqlQuery, Statement, StreamOptions } from "./sql.ts";
export type { Parameter } from "./parameters.ts";

// Results
export type { Column, DecodeOptions, QueryResult, ResultInfo, Rows } from "./rows.ts";
export type {
  DatabaseTypes,
  Row,
  RowOf,
  TableName,
  UnknownRow,
  Untyped,
} from "./database_types.ts";

// Errors
export { FluxbaseError, fluxbaseErrorOf, safe } from "./errors.ts";
export type { ErrorCode, ErrorFields, SafeResult } from "./errors.ts";

// The server's API
export type { AppRouter } from "./contract.ts";
