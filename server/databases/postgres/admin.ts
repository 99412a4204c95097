/**
 * The administrator's own connections to a PostgreSQL server, and what their failures mean.
 *
 * @module
 */
import postgres from "postgres";
import { FluxbaseError } from "../../errors.ts";
import { type PostgresAddress, socketOption } from "./address.ts";
import { DedicatedConnection, type DedicatedOptions, type Statements } from "./dedicated.ts";

/** Connections as the administrator; their search path holds nothing that a tenant could fill. */
export type Admin = postgres.Sql;

/**
 * A pool that connects on demand; `database` overrides the one that the administrator's URL names.
 */
export function connectAdmin(
  address: PostgresAddress,
  options: { database?: string; max?: number; dedicated?: DedicatedOptions } = {},
): Admin {
  return postgres(address.adminUrl, {
    ...socketOption(address.adminUrl),
    ...(options.database === undefined ? {} : { database: options.database }),
    max: options.max ?? 1,
    idle_timeout: 30,
    // One that holds a lock while others work is closed neither for idleness nor for its age.
    ...(options.dedicated && { ...options.dedicated, idle_timeout: 0, max_lifetime: null }),
    connect_timeout: 10,
    // A connection that ended while the driver fetched types would end the process: nobody waits
    // for that query. So lists travel as text or as JSON.
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: "fluxbase",
      search_path: "pg_catalog",
      client_min_messages: "warning",
      statement_timeout: 0,
      lock_timeout: 0,
      idle_in_transaction_session_timeout: 0,
    },
  });
}

/** Runs `work` with one connection to a database, which is closed whatever comes of it. */
export async function inDatabase<T>(
  address: PostgresAddress,
  database: string | undefined,
  work: (inside: DedicatedConnection) => Promise<T>,
): Promise<T> {
  await using inside = new DedicatedConnection((dedicated) =>
    connectAdmin(address, { dedicated, ...(database === undefined ? {} : { database }) })
  );
  return await work(inside);
}

/**
 * Runs `work` while no other process that does the same is at it on this server. Advisory locks are
 * kept by database, and two installations may administer one server from two databases; a lock on
 * a shared catalog is the server's. This one, of this strength, stops nothing but its like.
 *
 * `work` has the lock's own transaction: what must not count without the lock is done there.
 */
export async function withServerLock<T>(
  address: PostgresAddress,
  work: (lock: Statements) => Promise<T>,
): Promise<T> {
  return await inDatabase(address, undefined, (locker) =>
    locker.transaction(async (lock) => {
      await lock`LOCK TABLE pg_catalog.pg_shseclabel IN SHARE UPDATE EXCLUSIVE MODE`;
      return await work(lock);
    }));
}

/** Host and port of a server as an error may show them: never the account or its password. */
export function hostLabel(adminUrl: string): string {
  try {
    return new URL(adminUrl).host || "the local socket";
  } catch {
    return "the configured address";
  }
}

/** The five-character code of a server's error, the driver's or system's code, or nothing. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** No connection comes about. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "its name cannot be resolved",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "it does not answer",
  ENOENT: "the socket is not there",
  CONNECT_TIMEOUT: "it does not answer",
};

/** There was a connection, and it ended before its work did. */
const LOST: Readonly<Record<string, string>> = {
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
  CONNECTION_CLOSED: "it closed the connection",
  CONNECTION_DESTROYED: "the connection was closed",
  CONNECTION_ENDED: "the connection was closed",
};

/**
 * What a failure of the administrator's connection means for the caller. A server that cannot be
 * used as it is configured is `SERVER_UNSUITABLE`, one that is only busy, starting or lost under
 * the work `DATABASE_UNAVAILABLE`; anything else is passed on as it is. `unreachable` is what it
 * means that no connection comes about: a wrong address, or a known server that is away.
 */
export function adminError(
  error: unknown,
  adminUrl: string,
  unreachable: "SERVER_UNSUITABLE" | "DATABASE_UNAVAILABLE" = "DATABASE_UNAVAILABLE",
): unknown {
  if (error instanceof FluxbaseError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const where = `The PostgreSQL at ${hostLabel(adminUrl)}`;
  const away = UNREACHABLE[code];
  if (away !== undefined) {
    const message = `${where} cannot be reached: ${away}`;
    return new FluxbaseError(unreachable, message, { retryable: true, cause: error });
  }
  const gone = LOST[code];
  if (gone !== undefined) {
    const message = `${where} is not available: ${gone}`;
    return new FluxbaseError("DATABASE_UNAVAILABLE", message, { cause: error });
  }
  if (code === "28P01" || code === "28000") {
    return new FluxbaseError("SERVER_UNSUITABLE", `${where} refuses the administrator's login`, {
      sqlstate: code,
    });
  }
  const message = error instanceof Error ? error.message : code;
  if (code === "3D000") {
    return new FluxbaseError("SERVER_UNSUITABLE", `${where} says: ${message}`, { sqlstate: code });
  }
  if (/^(53|57P|08)/.test(code)) {
    return new FluxbaseError("DATABASE_UNAVAILABLE", `${where} is not available: ${message}`, {
      sqlstate: code,
    });
  }
  return error;
}
