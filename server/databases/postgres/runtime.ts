/**
 * What the statements of one project's database run with.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type { Actor, JsonValue, Limits, Placement, RoleName, StatementClass } from "../database.ts";
import { encodeParameter } from "./parameters.ts";
import type { Pool } from "./pool.ts";
import type { PreparedTexts } from "./prepared.ts";
import type { Bound } from "./driver.ts";
import type { Session } from "./session.ts";
import type { TypeCatalog } from "./types.ts";
import type { Watch, Watchdog } from "./watchdog.ts";

/** What the validator found a statement to be. */
export interface Verdict {
  readonly class: StatementClass;
  readonly kind: string;
  /** Whether it may run inside a transaction. */
  readonly transactional: boolean;
  readonly explain: boolean;
}

/** Refuses statements that the actor may not send; throws `QUERY_FORBIDDEN` or `QUERY_SYNTAX`. */
export interface StatementValidator {
  check(query: string, actor: Actor, project: Placement): Verdict | Promise<Verdict>;
}

/** The parts that executions share. */
export interface Runtime {
  readonly placement: Placement;
  readonly validator: StatementValidator;
  readonly watchdog: Watchdog;
  readonly catalog: TypeCatalog;
  readonly texts: PreparedTexts;
  readonly pools: Readonly<Record<RoleName, Pool<Session>>>;
}

/** One request's hold on a session. */
export interface Hold {
  readonly session: Session;
  readonly watch: Watch;
  /** Gives the session back. */
  release(): void;
}

/** Takes a session for a request that runs until the limits' time is over. */
export async function hold(
  runtime: Runtime,
  role: RoleName,
  limits: Pick<Limits, "timeoutMs" | "signal">,
): Promise<Hold> {
  const { watchdog } = runtime;
  if (limits.signal?.aborted === true) {
    throw new FluxbaseError("QUERY_CANCELED", "The client went away");
  }
  const pool = runtime.pools[role];
  const session = pool.take() ?? await pool.lease(limits.timeoutMs, limits.signal);
  const watch = watchdog.watch(session, limits.timeoutMs, limits.signal);
  return {
    session,
    watch,
    release() {
      watchdog.unwatch(watch);
      pool.release(session);
    },
  };
}

/** More do not fit the protocol's count of 16 bits; the driver's bound. */
const MAX_PARAMETERS = 65_533;

const NO_PARAMETERS: readonly Bound[] = [];

/** Parameters as the driver takes them; `PARAMETER_INVALID` for what no type could be. */
export function bind(params: readonly JsonValue[] | undefined): readonly Bound[] {
  if (params === undefined || params.length === 0) return NO_PARAMETERS;
  if (params.length > MAX_PARAMETERS) {
    throw new FluxbaseError(
      "PARAMETER_INVALID",
      `Cannot bind ${params.length} parameters: at most ${MAX_PARAMETERS}`,
    );
  }
  return params.map(encodeParameter);
}
