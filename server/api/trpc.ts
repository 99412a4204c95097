/**
 * tRPC's own set-up: the shape of errors on its wire and the context of a procedure.
 *
 * @module
 */
import { initTRPC, type TRPCError } from "@trpc/server";
import { TRPC_ERROR_CODES_BY_KEY } from "@trpc/server/rpc";
import { z } from "zod";
import { asFluxbaseError, ERROR_CODES, type ErrorCode, FluxbaseError } from "../errors.ts";
import type { Call } from "./call.ts";
import type { ApiErrorShape } from "./types.ts";

/** What tRPC knows of a failed call. */
interface FailedCall {
  readonly error: TRPCError;
  readonly ctx: Call | undefined;
  readonly path: string | undefined;
}

// Its parameter is annotated because tRPC infers the wire's shape only of a finished type.
const errorFormatter = ({ error, ctx, path }: FailedCall): ApiErrorShape =>
  errorShape(fromTrpc(error), ctx?.requestId ?? "", path);

/** The one builder; the procedures' context is the call. */
export const t = initTRPC.context<Call>().create({
  // Otherwise stacks would go to the client wherever NODE_ENV is not "production".
  isDev: false,
  errorFormatter,
});

/** What tRPC sends of an error. */
export function errorShape(
  error: FluxbaseError,
  requestId: string,
  path: string | undefined,
): ApiErrorShape {
  const { status, trpc } = ERROR_CODES[error.code];
  return {
    message: error.message,
    code: TRPC_ERROR_CODES_BY_KEY[trpc],
    data: {
      code: trpc,
      httpStatus: status,
      ...(path === undefined ? {} : { path }),
      error: error.toWire(requestId),
    },
  };
}

/** tRPC wraps what a procedure throws, and throws errors of its own. */
export function fromTrpc(error: TRPCError): FluxbaseError {
  const cause = error.cause;
  if (cause instanceof FluxbaseError) return cause;
  if (cause instanceof z.ZodError) return badInput(cause);
  const code = OWN_ERRORS[error.code];
  if (code !== undefined) return new FluxbaseError(code, capital(error.message));
  return asFluxbaseError(cause ?? error);
}

const OWN_ERRORS: Partial<Record<TRPCError["code"], ErrorCode>> = {
  PARSE_ERROR: "BAD_REQUEST",
  BAD_REQUEST: "BAD_REQUEST",
  NOT_FOUND: "ROUTE_NOT_FOUND",
  METHOD_NOT_SUPPORTED: "METHOD_NOT_ALLOWED",
  UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
  PAYLOAD_TOO_LARGE: "BODY_TOO_LARGE",
};

/** The first thing wrong with an input, by the place where it stands. */
export function badInput(error: z.ZodError): FluxbaseError {
  const issue = error.issues[0];
  if (issue === undefined) return new FluxbaseError("BAD_REQUEST", "Invalid input");
  const place = issue.path.map(String).join(".");
  const text = place === "" ? issue.message : `${issue.message} at "${place}"`;
  return new FluxbaseError("BAD_REQUEST", capital(text));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
