/**
 * Ends statements from outside their sessions: what runs in the session itself (a time-out, a
 * handler) a tenant's own code can switch off or catch.
 *
 * Each running request is in one of four stages, and one coarse timer moves all of them on, so that
 * a request costs neither a timer nor a listener on its signal:
 *
 * 1. `running`: until its deadline passes, its signal is aborted, or it is told to stop
 * 2. `canceled`: a cancel request was sent; code that catches it runs on
 * 3. `terminated`: a second later the backend was told to end; code that never looks runs on
 * 4. `abandoned`: two seconds later the request fails, while the connection goes on to count
 *
 * @module
 */
import type { Sql } from "postgres";
import type { Session } from "./session.ts";

/** Why a statement was ended. */
export type StopReason = "timeout" | "aborted" | "truncated" | "closing";

/** The session's side of it. */
export type Watched = Pick<Session, "pid" | "cancel" | "abandon" | "discard" | "condemn">;

const TICK_MS = 25;
const TERMINATE_AFTER_MS = 1_000;
const ABANDON_AFTER_MS = 3_000;
/** The timer stops after as many ticks with nothing to watch. */
const IDLE_TICKS = 40;

/** One request under the watchdog's eye. */
export class Watch {
  readonly session: Watched;
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  reason: StopReason | undefined;
  stage: "running" | "canceled" | "terminated" | "abandoned" = "running";
  stoppedAt = 0;

  constructor(session: Watched, deadline: number, signal: AbortSignal | undefined) {
    this.session = session;
    this.deadline = deadline;
    this.signal = signal;
  }
}

/** Watches the requests of one project's database. */
export class Watchdog {
  readonly #admin: Sql;
  readonly #watches = new Set<Watch>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #idleTicks = 0;

  constructor(admin: Sql) {
    this.#admin = admin;
  }

  /** Watches a session's request until {@linkcode unwatch}. */
  watch(session: Watched, timeoutMs: number, signal: AbortSignal | undefined): Watch {
    const watch = new Watch(session, performance.now() + timeoutMs, signal);
    this.#watches.add(watch);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    return watch;
  }

  /** The request is through. */
  unwatch(watch: Watch): void {
    this.#watches.delete(watch);
  }

  /** Ends a request's statement. */
  stop(watch: Watch, reason: StopReason): void {
    if (watch.stage !== "running" || !this.#watches.has(watch)) return;
    watch.reason = reason;
    watch.stage = "canceled";
    watch.stoppedAt = performance.now();
    // The backend may be waiting for us to read rows, and would not look at the cancel before.
    watch.session.discard();
    watch.session.cancel();
  }

  /**
   * Ends a request's statement unless its transaction has written something, which only the
   * server's own list of backends tells while the statement runs.
   */
  async stopUnlessWriting(watch: Watch, reason: StopReason): Promise<void> {
    try {
      const [backend] = await this.#admin<{ reads: boolean }[]>`
        SELECT backend_xid IS NULL AS reads FROM pg_catalog.pg_stat_activity
        WHERE pid = ${watch.session.pid}`;
      if (backend?.reads === true) this.stop(watch, reason);
    } catch {
      // Without an answer the statement runs to its end.
    }
  }

  /** Ends all requests' statements: the database is being closed. */
  stopAll(): void {
    for (const watch of this.#watches) this.stop(watch, "closing");
  }

  #tick(): void {
    if (this.#watches.size === 0) {
      if (++this.#idleTicks > IDLE_TICKS) this.close();
      return;
    }
    this.#idleTicks = 0;
    const now = performance.now();
    for (const watch of this.#watches) this.#advance(watch, now);
  }

  #advance(watch: Watch, now: number): void {
    if (watch.stage === "running") {
      if (watch.signal?.aborted === true) this.stop(watch, "aborted");
      else if (now >= watch.deadline) this.stop(watch, "timeout");
    } else if (watch.stage === "canceled" && now >= watch.stoppedAt + TERMINATE_AFTER_MS) {
      watch.stage = "terminated";
      // Should the statement end by itself now, the terminate must not find another request's.
      watch.session.condemn();
      this.#terminate(watch.session.pid);
    } else if (watch.stage === "terminated" && now >= watch.stoppedAt + ABANDON_AFTER_MS) {
      watch.stage = "abandoned";
      watch.session.abandon();
    }
  }

  /**
   * The connection is open still, so that the process id cannot have gone to another backend; the
   * name of the application stands against surprises all the same.
   */
  #terminate(pid: number): void {
    this.#admin`
      SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
      WHERE pid = ${pid} AND application_name = 'fluxbase'`
      // Without the administrator the request is abandoned two seconds later.
      .catch(() => {});
  }

  /** Stops the timer. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#idleTicks = 0;
  }
}
