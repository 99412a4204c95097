/**
 * What a failed call throws: the server's error with all its fields, and the network's failures in
 * the same form.
 *
 * @module
 */
import type { AppRouter } from "./contract.ts";

/** The error as the server sends it. */
type WireError = AppRouter["_def"]["_config"]["$types"]["errorShape"]["data"]["error"];

/**
 * The codes of the server's registry, and `NETWORK` where no answer of a Fluxbase server came:
 * refused or broken connections, a proxy's own error page, a stream that stopped in the middle.
 */
export type ErrorCode = WireError["code"] | "NETWORK";

/** What a {@linkcode FluxbaseError} holds beside its stack. */
export interface ErrorFields {
  readonly code: ErrorCode;
  readonly message: string;
  /** The database's own five-character code (SQL standard, `SQLSTATE`). */
  readonly sqlstate?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** 1-based, in characters (code points) of the statement as it was sent. */
  readonly position?: number;
  readonly constraint?: string;
  readonly table?: string;
  readonly column?: string;
  /** Whether the same call may succeed when it is simply made again. Default false. */
  readonly retryable?: boolean;
  /** The server's id of the request, as in its log. */
  readonly requestId?: string;
}

/** A call that failed, by the server's answer or for want of one. */
export class FluxbaseError extends Error {
  override readonly name = "FluxbaseError";
  /** What went wrong, from the server's registry of codes; `NETWORK` where none came. */
  readonly code: ErrorCode;
  /** The database's own five-character code (SQL standard, `SQLSTATE`). */
  readonly sqlstate: string | undefined;
  /** The database's `DETAIL`, as "Key (id)=(7) already exists."; never sent to end users. */
  readonly detail: string | undefined;
  /** The database's `HINT`. */
  readonly hint: string | undefined;
  /** 1-based, in characters (code points) of the statement as it was sent. */
  readonly position: number | undefined;
  /** The constraint that refused the row. */
  readonly constraint: string | undefined;
  /** The table that the error is about. */
  readonly table: string | undefined;
  /** The column that the error is about. */
  readonly column: string | undefined;
  /** Whether the same call may succeed when it is simply made again. */
  readonly retryable: boolean;
  /** The server's id of the request, as in its log. */
  readonly requestId: string | undefined;

  constructor(fields: ErrorFields, options?: { readonly cause?: unknown }) {
    super(fields.message, options);
    this.code = fields.code;
    this.sqlstate = fields.sqlstate;
    this.detail = fields.detail;
    this.hint = fields.hint;
    this.position = fields.position;
    this.constraint = fields.constraint;
    this.table = fields.table;
    this.column = fields.column;
    this.retryable = fields.retryable ?? false;
    this.requestId = fields.requestId;
  }
}

/** The outcome of a call as a value: one of the two is null. */
export type SafeResult<T> =
  | { readonly data: T; readonly error: null }
  | { readonly data: null; readonly error: FluxbaseError };

/**
 * A call's outcome as a value instead of an exception. Only {@linkcode FluxbaseError} becomes one:
 * the caller's own abort and defects of the calling program are thrown as ever.
 *
 * @example
 * ```ts
 * import { createClient, safe } from "@fluxbase/client";
 *
 * const client = createClient({ url: "http://127.0.0.1:8000", key: "flx_sk_your_key" });
 *
 * async function addUser(email: string): Promise<"added" | "known already"> {
 *   const insert = client.query("insert into users (email) values ($1)", [email]);
 *   const { error } = await safe(insert);
 *   if (error?.code === "CONFLICT") return "known already";
 *   if (error !== null) throw error;
 *   return "added";
 * }
 * ```
 */
export async function safe<T>(call: PromiseLike<T>): Promise<SafeResult<T>> {
  try {
    return { data: await call, error: null };
  } catch (thrown) {
    const error = fluxbaseErrorOf(thrown);
    if (error === undefined) throw thrown;
    return { data: null, error };
  }
}

/**
 * The {@linkcode FluxbaseError} in whatever a call threw, `undefined` where there is none. For
 * calls through `client.trpc`, which throw tRPC's own `TRPCClientError`.
 */
export function fluxbaseErrorOf(thrown: unknown): FluxbaseError | undefined {
  if (thrown instanceof FluxbaseError) return thrown;
  if (!(thrown instanceof Error)) return undefined;
  // tRPC wraps what the transport throws.
  if (thrown.cause instanceof FluxbaseError) return thrown.cause;
  if (!("shape" in thrown) || thrown.shape === undefined) return undefined;
  return errorFromShape(thrown.shape, thrown);
}

/** The error in tRPC's error shape. */
export function errorFromShape(shape: unknown, cause?: unknown): FluxbaseError {
  const options = cause === undefined ? undefined : { cause };
  const fields = fieldsOfShape(shape);
  if (fields !== undefined) return new FluxbaseError(fields, options);
  return new FluxbaseError({
    code: "NETWORK",
    message: "The answer is not a Fluxbase server's: check the URL",
  }, options);
}

function fieldsOfShape(shape: unknown): ErrorFields | undefined {
  const error = member(member(shape, "data"), "error");
  return isErrorFields(error) ? error : undefined;
}

function isErrorFields(value: unknown): value is ErrorFields {
  return typeof member(value, "code") === "string" && typeof member(value, "message") === "string";
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
