/**
 * How far a call may go: the project's settings, narrowed by what the call asks for.
 *
 * @module
 */
import type { Limits } from "../databases/database.ts";
import { statementTimeout } from "../projects/settings.ts";
import type { Access } from "./identify.ts";

/** What a call may ask for. */
export interface AskedLimits {
  readonly timeoutMs?: number | undefined;
  readonly maxRows?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** Limits of a call whose whole result is answered at once. */
export function resultLimits(access: Access, asked: AskedLimits, signal: AbortSignal): Limits {
  const { settings } = access.open.project;
  return {
    timeoutMs: statementTimeout(settings, {
      askedMs: asked.timeoutMs,
      long: access.actor.allows === "ddl",
    }),
    maxRows: Math.min(asked.maxRows ?? settings.maxRows, settings.maxRows),
    maxBytes: Math.min(asked.maxBytes ?? settings.maxBytes, settings.maxBytes),
    signal,
  };
}

/** Limits of a streamed result; rows and bytes have none, since they lie in memory in pieces. */
export function streamLimits(
  access: Access,
  asked: AskedLimits,
  signal: AbortSignal,
): Omit<Limits, "maxRows" | "maxBytes"> {
  const { settings } = access.open.project;
  return {
    timeoutMs: statementTimeout(settings, { askedMs: asked.timeoutMs, long: true }),
    signal,
  };
}
