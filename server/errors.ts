/**
 * The one registry of error codes. Every failure that leaves the server carries a code from here,
 * whichever face (REST, tRPC, a stream) it leaves by; no other file invents one. `ERROR_CODES.md`
 * is generated from this table.
 *
 * @module
 */

/** tRPC's name for the class of an error, as `@trpc/server` spells it. */
export type TrpcCode =
  | "BAD_REQUEST"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "METHOD_NOT_SUPPORTED"
  | "TIMEOUT"
  | "CONFLICT"
  | "PAYLOAD_TOO_LARGE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "UNPROCESSABLE_CONTENT"
  | "TOO_MANY_REQUESTS"
  | "CLIENT_CLOSED_REQUEST"
  | "INTERNAL_SERVER_ERROR"
  | "SERVICE_UNAVAILABLE"
  | "GATEWAY_TIMEOUT";

interface ErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number;
  readonly trpc: TrpcCode;
  /** Whether the same request may succeed when it is simply sent again. */
  readonly retryable: boolean;
  /** One line for the reference page. */
  readonly meaning: string;
}

const entry = (
  status: number,
  trpc: TrpcCode,
  meaning: string,
  retryable = false,
): ErrorEntry => ({ status, trpc, retryable, meaning });

/** Code to HTTP status, tRPC code and meaning, in the order in which a request can meet them. */
export const ERROR_CODES = {
  BAD_REQUEST: entry(400, "BAD_REQUEST", "The request does not have the documented shape"),
  JSON_TOO_DEEP: entry(400, "BAD_REQUEST", "The JSON body nests deeper than the server allows"),
  BODY_TOO_LARGE: entry(413, "PAYLOAD_TOO_LARGE", "The body is larger than the server allows"),
  UNSUPPORTED_MEDIA_TYPE: entry(
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    "The body's content type is not one that the route reads",
  ),
  ROUTE_NOT_FOUND: entry(404, "NOT_FOUND", "No route has this path"),
  METHOD_NOT_ALLOWED: entry(405, "METHOD_NOT_SUPPORTED", "The route does not take this method"),
  ORIGIN_FORBIDDEN: entry(
    403,
    "FORBIDDEN",
    "A browser may not use this key from this origin",
  ),
  UNAUTHORIZED: entry(
    401,
    "UNAUTHORIZED",
    "The key is missing, malformed, unknown, expired or revoked",
  ),
  SCOPE_MISSING: entry(403, "FORBIDDEN", "The key does not hold the scope that this call needs"),
  PROJECT_NOT_FOUND: entry(404, "NOT_FOUND", "No project has this id"),
  PROJECT_EXISTS: entry(409, "CONFLICT", "A project with this id exists already"),
  PROJECT_UNAVAILABLE: entry(
    503,
    "SERVICE_UNAVAILABLE",
    "The project is being made, upgraded or removed",
    true,
  ),
  KEY_NOT_FOUND: entry(404, "NOT_FOUND", "The project has no key with this id"),
  SERVER_NOT_FOUND: entry(404, "NOT_FOUND", "No database server has this name"),
  SERVER_UNSUITABLE: entry(
    422,
    "UNPROCESSABLE_CONTENT",
    "The database server is too old, unreachable or lacks a privilege",
  ),
  SERVER_CONFLICT: entry(
    409,
    "CONFLICT",
    "The database server is known already, drained, or still holds projects",
  ),
  DIALECT_UNAVAILABLE: entry(
    422,
    "UNPROCESSABLE_CONTENT",
    "This installation has no server for the dialect",
  ),
  SETTING_INVALID: entry(400, "BAD_REQUEST", "A setting is unknown or out of its bounds"),
  EXTENSION_FORBIDDEN: entry(
    403,
    "FORBIDDEN",
    "The extension is not on the server's list of allowed extensions",
  ),
  QUERY_FORBIDDEN: entry(
    403,
    "FORBIDDEN",
    "The statement is refused, by Fluxbase or by the database, for this key",
  ),
  QUERY_SYNTAX: entry(400, "BAD_REQUEST", "The statement is not valid SQL"),
  QUERY_INVALID: entry(400, "BAD_REQUEST", "The database cannot carry out this statement"),
  QUERY_UNDEFINED: entry(
    404,
    "NOT_FOUND",
    "The statement names a table or function that is not there",
  ),
  PARAMETER_INVALID: entry(400, "BAD_REQUEST", "A parameter does not fit its type"),
  CONSTRAINT_VIOLATION: entry(400, "BAD_REQUEST", "A value breaks a constraint of the table"),
  CONFLICT: entry(409, "CONFLICT", "A unique or foreign key constraint refuses the row"),
  TRANSACTION_CONFLICT: entry(
    409,
    "CONFLICT",
    "Concurrent transactions collided; nothing was changed",
    true,
  ),
  QUERY_RAISED: entry(400, "BAD_REQUEST", "The project's own code raised this error"),
  QUERY_TIMEOUT: entry(504, "GATEWAY_TIMEOUT", "The statement ran longer than it may"),
  QUERY_CANCELED: entry(
    499,
    "CLIENT_CLOSED_REQUEST",
    "The client went away and the statement was stopped",
  ),
  ROW_TOO_LARGE: entry(
    413,
    "PAYLOAD_TOO_LARGE",
    "One row of the result is larger than the byte limit",
  ),
  RATE_LIMITED: entry(429, "TOO_MANY_REQUESTS", "Too many requests; wait for Retry-After", true),
  OVERLOADED: entry(
    503,
    "SERVICE_UNAVAILABLE",
    "Too many statements wait for this database; try again",
    true,
  ),
  DATABASE_UNAVAILABLE: entry(
    503,
    "SERVICE_UNAVAILABLE",
    "The database cannot be reached or lacks resources right now",
    true,
  ),
  SHUTTING_DOWN: entry(503, "SERVICE_UNAVAILABLE", "The server is stopping; try again", true),
  INTERNAL: entry(500, "INTERNAL_SERVER_ERROR", "A defect in Fluxbase; the log has the request id"),
} as const satisfies Record<string, ErrorEntry>;

/** One of the registered codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error may carry beside code and message; the database's own fields among them. */
export interface ErrorFields {
  /** The database's own five-character code (SQL standard, `SQLSTATE`). */
  readonly sqlstate?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** 1-based, in characters (code points) of the text as the user sent it. */
  readonly position?: number;
  readonly constraint?: string;
  readonly table?: string;
  readonly column?: string;
  /** Overrides what the registry says of the code. */
  readonly retryable?: boolean;
}

/** The shape of an error on every face (`error` in REST, `error.data.error` in tRPC). */
export interface WireError extends ErrorFields {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly requestId: string;
}

/** An error whose text and fields are meant for the caller. Anything else becomes `INTERNAL`. */
export class FluxbaseError extends Error {
  override readonly name = "FluxbaseError";
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, message: string, fields: ErrorFields & { cause?: unknown } = {}) {
    const { cause, ...rest } = fields;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = rest;
  }

  /** HTTP status of this error. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  /** Whether the same request may succeed when it is sent again. */
  get retryable(): boolean {
    return this.fields.retryable ?? ERROR_CODES[this.code].retryable;
  }

  /** The error as every face shows it. */
  toWire(requestId: string): WireError {
    return {
      code: this.code,
      message: this.message,
      ...this.fields,
      retryable: this.retryable,
      requestId,
    };
  }
}

/** Whatever was thrown, as an error for the caller; the text of an unknown one stays inside. */
export function asFluxbaseError(thrown: unknown): FluxbaseError {
  if (thrown instanceof FluxbaseError) return thrown;
  return new FluxbaseError("INTERNAL", "Internal error", { cause: thrown });
}
