/**
 * The sessions of one login that are kept open: idle ones wait for requests, requests for sessions.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import { WaitingLine } from "./waiting.ts";

/** What a pool keeps. `Session` is one. */
export interface Pooled {
  /** Whether it must not be used again. */
  readonly over: boolean;
  /** Called once when the server has closed it. */
  onGone: () => void;
  /** Ends a request on it; calls back with whether it is fit for another one. */
  release(onFree: (fit: boolean) => void): void;
  /** Ends it; `onGone` follows. */
  end(): void;
}

/** The sessions of one project: of all its pools. */
export interface Holding {
  open: number;
  waiting: number;
  pools: number;
}

/** For how long a session that is being reset is waited for before another one is opened. */
const PATIENCE_MS = 20;

interface Idle<S> {
  readonly session: S;
  readonly since: number;
}

/** What a pool is made of. */
export interface PoolOptions<S extends Pooled> {
  readonly project: string;
  readonly open: () => Promise<S>;
  /** What the login may hold at most. */
  readonly maxConnections: number;
}

/** The pool's side of the budget. */
export interface Ledger {
  readonly maxWaitMs: number;
  opened(): void;
  closing(): void;
  gone(wasClosing: boolean): void;
  mayWait(): boolean;
  waiting(change: number): void;
  dispatch(): void;
  mustYield(): boolean;
  idle(): void;
  closed(): void;
}

/** What the budget knows of a pool. */
export interface Member {
  readonly maxConnections: number;
  readonly holding: Holding;
  /** Sessions that connect, are in use, idle or closing. */
  readonly open: number;
  /** Requests that wait. */
  readonly waiting: number;
  /** How many sessions would have to come, beside those that are on their way. */
  readonly lacking: number;
  /** Since when the first has waited; infinite where nobody waits. */
  readonly waitingSince: number;
  /** When the session that is idle longest was returned; infinite where none is idle. */
  readonly idleSince: number;
  /** Opens one session more. */
  grow(): void;
  /** Ends the session that has been idle longest; false where none is idle. */
  evict(): boolean;
  /** Turns away who waited too long or went away. */
  expireWaiting(now: number): void;
}

/** Sessions of one login. */
export class Pool<S extends Pooled> implements Member {
  readonly maxConnections: number;
  readonly holding: Holding;
  readonly #options: PoolOptions<S>;
  readonly #ledger: Ledger;
  /** Most recently used last; that one is taken first, so that surplus ones grow old. */
  readonly #idle: Idle<S>[] = [];
  readonly #ending = new Set<S>();
  readonly #all = new Set<S>();
  readonly #line = new WaitingLine<S>();
  #open = 0;
  #opening = 0;
  /** Sessions whose request is through and which are being reset: a matter of microseconds. */
  #returning = 0;
  #closed = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: PoolOptions<S>, holding: Holding, ledger: Ledger) {
    this.maxConnections = options.maxConnections;
    this.holding = holding;
    this.#options = options;
    this.#ledger = ledger;
  }

  get open(): number {
    return this.#open;
  }

  get waiting(): number {
    return this.#line.length;
  }

  get lacking(): number {
    const coming = this.#returning > 0 && performance.now() - this.#line.since < PATIENCE_MS
      ? this.#opening + this.#returning
      : this.#opening;
    return Math.max(0, this.#line.length - coming);
  }

  get waitingSince(): number {
    return this.#line.since;
  }

  get idleSince(): number {
    return this.#idle[0]?.since ?? Infinity;
  }

  /** An idle session, at once or not at all. */
  take(): S | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.session.over) return idle.session;
    }
    return undefined;
  }

  /**
   * A session, after waiting for it where none is idle. `OVERLOADED` when too many wait already or
   * it takes too long, `QUERY_CANCELED` when the signal is aborted meanwhile.
   */
  lease(maxWaitMs: number, signal?: AbortSignal): Promise<S> {
    if (this.#closed) return Promise.reject(shuttingDown());
    const session = this.take();
    if (session !== undefined) return Promise.resolve(session);
    if (!this.#ledger.mayWait()) {
      return Promise.reject(
        new FluxbaseError("OVERLOADED", "Too many statements wait for this database"),
      );
    }
    const now = performance.now();
    const waiter = this.#line.enter(now, now + Math.min(maxWaitMs, this.#ledger.maxWaitMs), signal);
    this.#countWaiting(1);
    this.#ledger.dispatch();
    return waiter;
  }

  /** Takes a session back whose request is through. */
  release(session: S): void {
    this.#returning++;
    session.release((fit) => {
      this.#returning--;
      if (fit) return this.give(session);
      this.discard(session);
      if (this.#line.length > 0) this.#ledger.dispatch();
    });
  }

  /** Takes a session back that is ready for the next request. */
  give(session: S): void {
    if (session.over || this.#closed || this.#ledger.mustYield()) return this.discard(session);
    if (this.#line.length > 0) {
      this.#serve(session);
      return;
    }
    this.#idle.push({ session, since: performance.now() });
    this.#ledger.idle();
  }

  /** Ends a session that must not be used again. */
  discard(session: S): void {
    if (this.#ending.has(session) || !this.#all.has(session)) return;
    this.#ending.add(session);
    this.#ledger.closing();
    session.end();
  }

  evict(): boolean {
    const idle = this.#idle.shift();
    if (idle === undefined) return false;
    this.discard(idle.session);
    return true;
  }

  grow(): void {
    this.#open++;
    this.#opening++;
    this.holding.open++;
    this.#ledger.opened();
    this.#options.open().then(
      (session) => {
        this.#opening--;
        this.#all.add(session);
        session.onGone = () => this.#gone(session);
        // It serves once before it may have to yield: else pools that all lack one would open and
        // close sessions in turn, and none would serve.
        if (this.#line.length > 0 && !session.over && !this.#closed) this.#serve(session);
        else this.give(session);
      },
      (error) => {
        this.#opening--;
        this.#uncount(false);
        if (this.#line.reject(error)) this.#countWaiting(-1);
      },
    );
  }

  expireWaiting(now: number): void {
    const expired = this.#line.expire(now);
    if (expired > 0) this.#countWaiting(-expired);
  }

  /** Ends all sessions, those in use too. Resolves when the server has closed them. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ledger.closed();
    while (this.#line.reject(shuttingDown())) this.#countWaiting(-1);
    this.#idle.length = 0;
    for (const session of this.#all) this.discard(session);
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => this.#onEmpty = resolve);
  }

  #serve(session: S): void {
    this.#line.serve(session);
    this.#countWaiting(-1);
  }

  #countWaiting(change: number): void {
    this.holding.waiting += change;
    this.#ledger.waiting(change);
  }

  #gone(session: S): void {
    this.#all.delete(session);
    const index = this.#idle.findIndex((idle) => idle.session === session);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#uncount(this.#ending.delete(session));
  }

  #uncount(wasClosing: boolean): void {
    this.#open--;
    this.holding.open--;
    this.#ledger.gone(wasClosing);
    if (this.#open === 0) this.#onEmpty?.();
  }
}

function shuttingDown(): FluxbaseError {
  return new FluxbaseError("SHUTTING_DOWN", "The project's connections are being closed");
}
