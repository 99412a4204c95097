/**
 * Connections to the control plane's database, and what its failures mean to a caller.
 *
 * @module
 */
import postgres from "postgres";
import { socketOption } from "../databases/postgres/address.ts";
import type { Statements } from "../databases/postgres/dedicated.ts";
import { FluxbaseError } from "../errors.ts";

/** Connections to the control plane's database. */
export type ControlSql = postgres.Sql;
/** Runs statements: of the pool, or of one session or transaction. */
export type ControlQuery = Statements;

/** Connections of the pool for single statements. */
export const POOL_CONNECTIONS = 4;
/** Transactions that a process runs at once, each on a connection of its own. */
export const TRANSACTIONS = 2;

interface ConnectOptions {
  readonly max: number;
  /** What `pg_stat_activity` calls the connections. */
  readonly name: string;
  /** Called with channel and payload of each notification. */
  readonly onnotify?: (channel: string, payload: string) => void;
  /** Called when a connection has ended. */
  readonly onclose?: () => void;
}

/** A pool that connects on demand and opens a lost connection anew. */
export function connectControl(
  url: string,
  { max, name, onnotify, onclose }: ConnectOptions,
): ControlSql {
  const options = {
    ...socketOption(url),
    max,
    // `onnotify` is what the driver's own `listen` is made of; `listen` itself would open another
    // connection and re-listen where the holder cannot see that notifications were missed.
    ...(onnotify === undefined ? {} : { onnotify }),
    ...(onclose === undefined ? {} : { onclose }),
    onnotice: () => {},
    // A connection that ended while the driver fetched types would end the process: nobody waits
    // for that query. So lists travel as text, joined by commas, or as JSON.
    fetch_types: false,
    connect_timeout: 5,
    // The driver would wait up to 20 s before it tries again, with every query waiting along.
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 1),
    connection: {
      application_name: name,
      client_min_messages: "warning",
      search_path: "pg_catalog",
      statement_timeout: 15_000,
      lock_timeout: 10_000,
      idle_in_transaction_session_timeout: 30_000,
      TimeZone: "UTC",
    },
  };
  return postgres(url, { ...options, ...socketOf(url) });
}

/** libpq's way of naming a socket's folder in a URL, which the driver does not read. */
function socketOf(url: string): { host: string } | undefined {
  const host = decodeURIComponent(new URL(url).hostname);
  return host.startsWith("/") ? { host } : undefined;
}

/** Host and port of a database URL, for people; never user or password. */
export function hostOf(url: string): string {
  const parsed = new URL(url);
  if (parsed.hostname.startsWith("%2F")) return decodeURIComponent(parsed.host);
  return parsed.host || parsed.searchParams.get("host") || "localhost";
}

/** What the driver and the operating system call a connection that is not to be had. */
const CONNECTION_CODES = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
]);
/** SQLSTATE: connection exceptions, resources, a server that stops or starts, a closed door. */
const UNAVAILABLE_STATE = /^(08|28|3D|53|57P|55000)/;

/** A failure of the control plane's database as the error for the caller; others as they are. */
export function controlFailure(thrown: unknown): unknown {
  const code = codeOf(thrown);
  if (code === undefined) return thrown;
  if (!CONNECTION_CODES.has(code) && !UNAVAILABLE_STATE.test(code)) return thrown;
  return new FluxbaseError(
    "DATABASE_UNAVAILABLE",
    "The control plane's database cannot be reached right now",
    { cause: thrown },
  );
}

/** Awaits work on the control plane's database; throws `DATABASE_UNAVAILABLE` when it is away. */
export async function control<T>(work: PromiseLike<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw controlFailure(thrown);
  }
}

/**
 * The same for work that requests wait for, and for at most `ms`: a connection whose other end has
 * vanished would let them wait for many minutes.
 */
export async function within<T>(ms: number, work: PromiseLike<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `The database did not answer within ${ms} ms`;
      reject(new FluxbaseError("DATABASE_UNAVAILABLE", message));
    }, ms);
  });
  try {
    return await Promise.race([control(work), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Milliseconds that a request waits for the control plane's database. */
export const REQUEST_DEADLINE_MS = 5_000;

/** Whether a failure is this SQLSTATE. */
export function isSqlState(thrown: unknown, state: string): boolean {
  return codeOf(thrown) === state;
}

function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
