/**
 * A line of requests that wait for a session, first come, first served.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";

interface Waiter<S> {
  readonly since: number;
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (session: S) => void;
  readonly reject: (error: unknown) => void;
}

/** Times are on the clock of `performance.now()`, in milliseconds. */
export class WaitingLine<S> {
  #waiters: Waiter<S>[] = [];
  /** Index of the first in the line: taking it costs the same however long the line is. */
  #head = 0;

  get length(): number {
    return this.#waiters.length - this.#head;
  }

  /** Since when the first has waited; infinite where nobody waits. */
  get since(): number {
    return this.#waiters[this.#head]?.since ?? Infinity;
  }

  /** Goes to the end of the line. */
  enter(now: number, deadline: number, signal: AbortSignal | undefined): Promise<S> {
    return new Promise((resolve, reject) =>
      this.#waiters.push({ since: now, deadline, signal, resolve, reject })
    );
  }

  /** Gives the session to the first in the line. */
  serve(session: S): void {
    this.#shift()?.resolve(session);
  }

  /** Turns the first in the line away; false where nobody waits. */
  reject(error: unknown): boolean {
    const waiter = this.#shift();
    waiter?.reject(error);
    return waiter !== undefined;
  }

  /** Turns away who waited past the deadline or went away; answers how many. */
  expire(now: number): number {
    const before = this.length;
    this.#waiters = this.#waiters.slice(this.#head).filter((waiter) => {
      if (waiter.signal?.aborted === true) {
        waiter.reject(new FluxbaseError("QUERY_CANCELED", "The client went away"));
        return false;
      }
      if (now < waiter.deadline) return true;
      const waited = Math.round(now - waiter.since);
      waiter.reject(
        new FluxbaseError(
          "OVERLOADED",
          `No connection to the database became free in ${waited} ms`,
        ),
      );
      return false;
    });
    this.#head = 0;
    return before - this.length;
  }

  #shift(): Waiter<S> | undefined {
    const waiter = this.#waiters[this.#head];
    if (waiter === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#waiters.length) {
      this.#waiters = [];
      this.#head = 0;
    }
    return waiter;
  }
}
