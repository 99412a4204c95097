/**
 * What went wrong, as the caller is told: PostgreSQL's errors with the fields that are theirs to
 * know, and lost connections with a word on what may have happened.
 *
 * @module
 */
import postgres from "postgres";
import { asFluxbaseError, type ErrorCode, type ErrorFields, FluxbaseError } from "../../errors.ts";
import type { RoleName, StatementClass } from "../database.ts";
import { isParameterError } from "./driver.ts";
import { SESSION_OVER } from "./session.ts";
import type { StopReason } from "./watchdog.ts";
import { GuardError } from "./wire.ts";

/** What the error happened to. */
export interface Attempt {
  readonly role: RoleName;
  readonly class: StatementClass;
  /** Why the watchdog ended it, where it did. */
  readonly reason: StopReason | undefined;
  /** SQLSTATE with which the server ended the connection, where it said one. */
  readonly fatalState: string | undefined;
}

/** SQLSTATEs with a code of their own; the longest prefix counts. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  "08": "DATABASE_UNAVAILABLE",
  "08P01": "PARAMETER_INVALID",
  "22": "QUERY_INVALID",
  "23": "CONSTRAINT_VIOLATION",
  "23503": "CONFLICT",
  "23505": "CONFLICT",
  "25006": "QUERY_FORBIDDEN",
  "40001": "TRANSACTION_CONFLICT",
  "40P01": "TRANSACTION_CONFLICT",
  // A lock that was not to be had in time: another transaction holds it.
  "55P03": "TRANSACTION_CONFLICT",
  "42501": "QUERY_FORBIDDEN",
  "42601": "QUERY_SYNTAX",
  "42883": "QUERY_UNDEFINED",
  "42P01": "QUERY_UNDEFINED",
  "53": "DATABASE_UNAVAILABLE",
  "57014": "QUERY_TIMEOUT",
  "57P": "DATABASE_UNAVAILABLE",
  "58": "DATABASE_UNAVAILABLE",
  P0001: "QUERY_RAISED",
};

const GUARD_CODES = {
  COPY_REFUSED: "QUERY_FORBIDDEN",
  REPORT_TOO_LARGE: "QUERY_RAISED",
  ROW_SEVERED: "QUERY_TIMEOUT",
} as const satisfies Record<GuardError["code"], ErrorCode>;

/** A login's limit (of temporary files, say) is reached again by the same statement. */
const LIMIT_EXCEEDED = "53400";

function codeOf(sqlstate: string): ErrorCode {
  return CODES[sqlstate] ?? CODES[sqlstate.slice(0, 3)] ?? CODES[sqlstate.slice(0, 2)] ??
    "QUERY_INVALID";
}

/** The error for the caller of a statement. */
export function failure(error: unknown, attempt: Attempt): FluxbaseError {
  if (error instanceof FluxbaseError) return error;
  if (error instanceof postgres.PostgresError) {
    return error.code === "57014" && attempt.reason !== undefined
      ? stopped(attempt.reason, error.code)
      : databaseError(error, attempt.role);
  }
  if (error instanceof GuardError) {
    if (attempt.reason !== undefined) return stopped(attempt.reason, undefined);
    return new FluxbaseError(GUARD_CODES[error.code], error.message, { cause: error });
  }
  if (!isConnectionError(error)) return asFluxbaseError(error);
  if (attempt.reason !== undefined) return stopped(attempt.reason, attempt.fatalState);
  return lost(error, attempt);
}

function stopped(reason: StopReason, sqlstate: string | undefined): FluxbaseError {
  const fields = sqlstate === undefined ? {} : { sqlstate };
  switch (reason) {
    case "aborted":
      return new FluxbaseError("QUERY_CANCELED", "The client went away", fields);
    case "closing":
      return new FluxbaseError(
        "SHUTTING_DOWN",
        "The project's connections are being closed",
        fields,
      );
    case "timeout":
    case "truncated":
      return new FluxbaseError("QUERY_TIMEOUT", "The statement ran longer than it may", fields);
  }
}

function lost(error: Error, attempt: Attempt): FluxbaseError {
  const fields = {
    cause: error,
    ...(attempt.fatalState === undefined ? {} : { sqlstate: attempt.fatalState }),
  };
  if (codeFieldOf(error) === SESSION_OVER) {
    return new FluxbaseError(
      "DATABASE_UNAVAILABLE",
      "The connection to the database was lost before the statement was sent",
      fields,
    );
  }
  return attempt.class === "read"
    ? new FluxbaseError("DATABASE_UNAVAILABLE", "The connection to the database was lost", fields)
    : new FluxbaseError(
      "DATABASE_UNAVAILABLE",
      "The connection to the database was lost; the statement may have been carried out",
      { ...fields, retryable: false },
    );
}

/** The error for a request that waited for a session which could not be opened. */
export function loginFailure(error: unknown): FluxbaseError {
  if (error instanceof FluxbaseError) return error;
  // Hosts and names of logins stay inside; the cause is for the log.
  return new FluxbaseError("DATABASE_UNAVAILABLE", "The database takes no connection now", {
    cause: error,
    ...(error instanceof postgres.PostgresError ? { sqlstate: error.code } : {}),
  });
}

function databaseError(error: postgres.PostgresError, role: RoleName): FluxbaseError {
  const sqlstate = error.code;
  const code = isParameterError(error) ? "PARAMETER_INVALID" : codeOf(sqlstate);
  // Which rows exist is not for end users to learn from the values of a constraint's error.
  const endUser = role === "user_rw" || role === "user_ro";
  const fields: ErrorFields = {
    sqlstate,
    ...(error.detail === undefined || endUser ? {} : { detail: error.detail }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.position === undefined ? {} : { position: Number(error.position) }),
    ...(error.constraint_name === undefined ? {} : { constraint: error.constraint_name }),
    ...(error.table_name === undefined ? {} : { table: error.table_name }),
    ...(error.column_name === undefined ? {} : { column: error.column_name }),
    ...(sqlstate === LIMIT_EXCEEDED ? { retryable: false } : {}),
  };
  return new FluxbaseError(code, error.message, fields);
}

/** Lost or refused connections carry the codes of postgres.js or of the operating system. */
function isConnectionError(error: unknown): error is Error {
  const code = codeFieldOf(error);
  return code !== undefined && /^(CONNECT|E[A-Z]|SESSION_OVER$)/.test(code);
}

function codeFieldOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}
