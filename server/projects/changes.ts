/**
 * How a process learns what the others have changed, within a second, so that it may answer from
 * memory. Every change raises one counter and notifies, in its own transaction
 * (`fluxbase_control.changed`). A dedicated session listens and, several times a second, also reads
 * the counter: the notification makes it quick, the counter makes it sure. What the counter has
 * not confirmed within the lease may not be answered from memory.
 *
 * @module
 */
import { type ControlQuery, type ControlSql, within } from "./control_sql.ts";
import type { ControlLog } from "./types.ts";

/** What a change is about; `all` stands for changes whose notifications were missed. */
export type Change =
  | { readonly kind: "project" | "key" | "server" | "process" | "admin"; readonly subject: string }
  | { readonly kind: "all" };
export type ChangeKind = Exclude<Change["kind"], "all">;

/** Milliseconds for which a confirmed memory may be used: the promise "within a second". */
export const LEASE_MS = 1_000;
const POLL_MS = 350;
/** A poll that takes longer is given up along with its session. */
const POLL_DEADLINE_MS = 2_000;
/** How long a counted change may wait for its notification before it counts as missed. */
const NOTIFICATION_GRACE_MS = 50;
const CHANNEL = "fluxbase_control";

/** Records a change inside the transaction that makes it. */
export async function recordChange(
  sql: ControlQuery,
  kind: ChangeKind,
  subject: string,
): Promise<void> {
  await sql`SELECT fluxbase_control.changed(${kind}, ${subject})`;
}

type Connect = (onnotify: (channel: string, payload: string) => void) => ControlSql;

/** The changes of all processes, as this one learns of them. */
export class Changes {
  readonly #connect: Connect;
  readonly #log: ControlLog | undefined;
  readonly #listeners = new Set<(change: Change) => void>();
  #session: ControlSql | undefined;
  /** The backend that listens; another one behind the same pool does not. */
  #backend = 0;
  #seen = -1;
  /** `performance.now()` when the last poll that found nothing missed was sent. */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #failing = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  constructor(connect: Connect, log?: ControlLog) {
    this.#connect = connect;
    this.#log = log;
  }

  /** Resolves once changes are followed. */
  async start(): Promise<void> {
    await this.#poll();
    this.#loop = this.#run();
  }

  /** Calls back for each change, this process's own included; may tell the same one twice. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells this process of a change at once, after its transaction has committed. */
  announce(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  /**
   * Whether what was in memory at `confirmedAt` (`performance.now()` of a read of its own, if it
   * had one later than the counter's) may still be used at `now`.
   */
  fresh(now: number, confirmedAt: number = Number.NEGATIVE_INFINITY): boolean {
    return now - this.#confirmedAt < LEASE_MS || now - confirmedAt < LEASE_MS;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#loop;
    await this.#session?.end({ timeout: 1 });
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed) {
      await this.#sleep(failures === 0 ? POLL_MS : Math.min(100 * failures, POLL_MS));
      if (this.#closed) return;
      try {
        await this.#poll();
        failures = 0;
        this.#recovered();
      } catch (failure) {
        failures++;
        this.#lost(failure);
      }
    }
  }

  async #poll(): Promise<void> {
    const sentAt = performance.now();
    const seen = this.#seen;
    const session = this.#session ??= this.#connect(
      (channel, payload) => this.#notified(channel, payload),
    );
    const state = await within(POLL_DEADLINE_MS, this.#read(session));
    if (state.backend !== this.#backend) {
      await within(POLL_DEADLINE_MS, session.unsafe(`LISTEN ${CHANNEL}`));
      this.#backend = state.backend;
      // What changed before the LISTEN took hold was not told.
      const { counter } = await within(POLL_DEADLINE_MS, this.#read(session));
      if (counter !== this.#seen) this.#missed(counter);
    } else if (state.counter < seen) {
      // A database put back to an earlier state: nothing in memory can be trusted.
      this.#missed(state.counter);
    } else if (state.counter > this.#seen) {
      await this.#sleep(NOTIFICATION_GRACE_MS);
      if (state.counter > this.#seen) this.#missed(state.counter);
    }
    this.#confirmedAt = sentAt;
  }

  async #read(session: ControlSql): Promise<{ counter: number; backend: number }> {
    const [row] = await session<{ value: string; pid: number }[]>`
      SELECT value, pg_backend_pid() AS pid FROM fluxbase_control.change_counter`;
    if (row === undefined) throw new Error("Change counter has no row");
    return { counter: Number(row.value), backend: row.pid };
  }

  #notified(channel: string, payload: string): void {
    if (channel !== CHANNEL) return;
    const [number, kind, ...rest] = payload.split(" ");
    const counter = Number(number);
    if (counter <= this.#seen) return;
    const missed = counter !== this.#seen + 1;
    this.#seen = counter;
    this.announce(
      missed ? { kind: "all" } : { kind: kind as ChangeKind, subject: rest.join(" ") },
    );
  }

  #missed(counter: number): void {
    const first = this.#seen === -1;
    this.#seen = counter;
    if (!first) this.announce({ kind: "all" });
  }

  #lost(failure: unknown): void {
    const session = this.#session;
    this.#session = undefined;
    this.#backend = 0;
    // Its queries may hang with it; nobody waits for them.
    session?.end({ timeout: 0 }).catch(() => {});
    if (this.#failing) return;
    this.#failing = true;
    this.#log?.warn("Lost the control plane's notifications, trying again: {failure}", {
      failure: failure instanceof Error ? failure.message : String(failure),
    });
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#log?.info("Follows the control plane's notifications again");
  }

  #sleep(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}
