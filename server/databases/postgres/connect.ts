/**
 * Sessions kept open: a pool a login, and over all pools of a server one budget of connections.
 *
 * The budget is never exceeded, not even for a moment: a session counts from before it connects
 * until the server has closed it. Where it binds, an idle session of another pool makes room;
 * where none is idle, requests wait, and the one who waits with the fewest sessions is served
 * first, so that no project starves another.
 *
 * @module
 */
import { type Holding, type Member, Pool, type Pooled, type PoolOptions } from "./pool.ts";

/** How far the pools of one server may go. */
export interface BudgetOptions {
  /** Connections that all pools may hold together. */
  readonly connections: number;
  /** The share of them that one project may hold: the rest stays for the others. Default 0.75. */
  readonly projectShare?: number;
  /** Requests that may wait, of one project and of all. Default 500 and 2,000. */
  readonly maxWaitingOfProject?: number;
  readonly maxWaiting?: number;
  /** How long a request may wait, in milliseconds. Default 10,000. */
  readonly maxWaitMs?: number;
  /** After how many idle milliseconds a session is closed. Default 60,000. */
  readonly maxIdleMs?: number;
}

const DEFAULT_PROJECT_SHARE = 0.75;
const DEFAULT_MAX_WAITING_OF_PROJECT = 500;
const DEFAULT_MAX_WAITING = 2_000;
const DEFAULT_MAX_WAIT_MS = 10_000;
const DEFAULT_MAX_IDLE_MS = 60_000;
const WAIT_TICK_MS = 50;
/** How long a pool without any session waits for one in use: opening one takes a while too. */
const TURN_MS = 25;

/** All connections of this process to one server. */
export class ConnectionBudget {
  readonly #options: Required<BudgetOptions>;
  #limit: number;
  #open = 0;
  #closing = 0;
  #waiting = 0;
  readonly #pools = new Set<Member>();
  readonly #waitingPools = new Set<Member>();
  readonly #holdings = new Map<string, Holding>();
  #waitTimer: ReturnType<typeof setInterval> | undefined;
  #idleTimer: ReturnType<typeof setInterval> | undefined;

  constructor(options: BudgetOptions) {
    this.#options = {
      connections: options.connections,
      projectShare: options.projectShare ?? DEFAULT_PROJECT_SHARE,
      maxWaitingOfProject: options.maxWaitingOfProject ?? DEFAULT_MAX_WAITING_OF_PROJECT,
      maxWaiting: options.maxWaiting ?? DEFAULT_MAX_WAITING,
      maxWaitMs: options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS,
      maxIdleMs: options.maxIdleMs ?? DEFAULT_MAX_IDLE_MS,
    };
    this.#limit = options.connections;
  }

  /** Connections held now: connecting, in use, idle and closing. */
  get open(): number {
    return this.#open;
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Sets how many connections all pools may hold together; what is too many ends when idle. */
  setLimit(connections: number): void {
    this.#limit = connections;
    for (let surplus = this.#open - this.#closing - connections; surplus > 0; surplus--) {
      if (!this.#evict()) break;
    }
    this.#dispatch();
  }

  /** A pool of sessions of one login; `project` groups the pools that share one project's cap. */
  pool<S extends Pooled>(options: PoolOptions<S>): Pool<S> {
    const holding = this.#holdings.get(options.project) ?? { open: 0, waiting: 0, pools: 0 };
    holding.pools++;
    this.#holdings.set(options.project, holding);
    const pool: Pool<S> = new Pool(options, holding, {
      opened: () => this.#open++,
      closing: () => this.#closing++,
      gone: (wasClosing) => {
        this.#open--;
        if (wasClosing) this.#closing--;
        if (!this.#pools.has(pool) && pool.open === 0) this.#forget(options.project, holding);
        this.#dispatch();
      },
      mayWait: () =>
        this.#waiting < this.#options.maxWaiting &&
        holding.waiting < this.#options.maxWaitingOfProject,
      waiting: (change) => this.#countWaiting(pool, change),
      dispatch: () => this.#dispatch(),
      mustYield: () => this.#mustYield(pool),
      idle: () => this.#watchIdle(),
      maxWaitMs: this.#options.maxWaitMs,
      closed: () => {
        if (this.#pools.delete(pool) && pool.open === 0) this.#forget(options.project, holding);
      },
    });
    this.#pools.add(pool);
    return pool;
  }

  #forget(project: string, holding: Holding): void {
    if (--holding.pools === 0) this.#holdings.delete(project);
  }

  #projectCap(): number {
    return Math.max(1, Math.floor(this.#limit * this.#options.projectShare));
  }

  #countWaiting(pool: Member, change: number): void {
    this.#waiting += change;
    if (pool.waiting > 0) this.#waitingPools.add(pool);
    else this.#waitingPools.delete(pool);
    if (this.#waiting === 0 || this.#waitTimer !== undefined) return;
    this.#waitTimer = setInterval(() => this.#expireWaiting(), WAIT_TICK_MS);
  }

  /** One look at all that wait replaces a timer and an abort listener for each. */
  #expireWaiting(): void {
    const now = performance.now();
    for (const pool of this.#waitingPools) pool.expireWaiting(now);
    if (this.#waiting > 0) {
      // Every change dispatches by itself; this is for what nobody thought of.
      this.#dispatch();
      return;
    }
    clearInterval(this.#waitTimer);
    this.#waitTimer = undefined;
  }

  /** Opens, or makes room for, what the waiting pools lack; who holds least comes first. */
  #dispatch(): void {
    if (this.#waitingPools.size === 0) return;
    let promised = this.#closing;
    for (const pool of this.#byNeed()) {
      let needed = Math.min(pool.lacking, pool.maxConnections - pool.open);
      for (; needed > 0; needed--) {
        const capped = pool.holding.open >= this.#projectCap();
        if (!capped && this.#open < this.#limit) pool.grow();
        // A session that is closing already will do for one that is lacking.
        else if (promised > 0) promised--;
        else if (!this.#evict(capped ? pool.holding : undefined)) break;
      }
    }
  }

  #byNeed(): Member[] {
    const pools = [...this.#waitingPools];
    if (pools.length === 1) return pools;
    return pools.sort((a, b) =>
      a.holding.open - b.holding.open || a.open - b.open || a.waitingSince - b.waitingSince
    );
  }

  /** Ends the session that has been idle longest, of one project or of all. */
  #evict(of?: Holding): boolean {
    let oldest: Member | undefined;
    for (const pool of this.#pools) {
      if (of !== undefined && pool.holding !== of) continue;
      if (pool.idleSince < (oldest?.idleSince ?? Infinity)) oldest = pool;
    }
    return oldest?.evict() ?? false;
  }

  /**
   * Whether a session that was just returned is to be closed in favour of another pool. Two
   * sessions of difference keep the same two from taking it from each other for ever.
   */
  #mustYield(from: Member): boolean {
    if (this.#open - this.#closing > this.#limit) return true;
    if (this.#waitingPools.size === 0) return false;
    let lacking = 0;
    for (const pool of this.#waitingPools) {
      if (pool === from || pool.lacking === 0 || pool.open >= pool.maxConnections) continue;
      const sibling = pool.holding === from.holding;
      if (!sibling && pool.holding.open >= this.#projectCap()) continue;
      const held = sibling ? pool.open : pool.holding.open;
      const own = sibling ? from.open : from.holding.open;
      const starved = held === 0 && performance.now() - pool.waitingSince >= TURN_MS;
      if (starved || held <= own - 2 || from.waiting === 0) lacking += pool.lacking;
    }
    return lacking > this.#closing;
  }

  #watchIdle(): void {
    if (this.#idleTimer !== undefined) return;
    this.#idleTimer = setInterval(() => this.#endIdle(), this.#options.maxIdleMs / 4);
  }

  #endIdle(): void {
    const before = performance.now() - this.#options.maxIdleMs;
    let idle = false;
    for (const pool of this.#pools) {
      while (pool.idleSince < before && pool.evict());
      idle ||= pool.idleSince < Infinity;
    }
    if (idle) return;
    clearInterval(this.#idleTimer);
    this.#idleTimer = undefined;
  }

  /** Stops the timers. The pools are closed by those who made them. */
  close(): void {
    clearInterval(this.#waitTimer);
    clearInterval(this.#idleTimer);
    this.#waitTimer = this.#idleTimer = undefined;
  }
}
