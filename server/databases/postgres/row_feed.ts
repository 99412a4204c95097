/**
 * Rows on their way from a session to a slower consumer, in bounded memory.
 *
 * @module
 */
import type { JsonValue } from "../database.ts";
import type { Session } from "./session.ts";

/** A chunk ends at the first of these. */
const CHUNK_ROWS = 500;
const CHUNK_BYTES = 256 << 10;
/** While as many chunks wait for the consumer, the server waits too. */
const MAX_WAITING_CHUNKS = 2;

/** How the statement ended. */
export interface FeedOutcome {
  readonly count: number | null;
  readonly command: string | null;
}

/** Takes rows as they come and gives chunks of them as they are asked for. */
export class RowFeed {
  readonly #session: Pick<Session, "cut" | "pause" | "resume">;
  readonly #chunks: JsonValue[][][] = [];
  #rows: JsonValue[][] = [];
  /** The session's count of bytes when the current chunk began. */
  #mark = 0;
  #rowCount = 0;
  #ended: { readonly outcome: FeedOutcome } | { readonly error: unknown } | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(session: Pick<Session, "cut" | "pause" | "resume">) {
    this.#session = session;
  }

  /** Rows taken so far. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Takes one row. */
  push(row: JsonValue[]): void {
    if (this.#closed) return;
    this.#rowCount++;
    this.#rows.push(row);
    const full = this.#rows.length >= CHUNK_ROWS ||
      this.#session.cut.bytes - this.#mark >= CHUNK_BYTES;
    if (full) this.#flush();
  }

  /** No row comes any more. */
  finish(outcome: FeedOutcome): void {
    this.#end({ outcome });
  }

  /** No row comes any more, for this reason. */
  fail(error: unknown): void {
    this.#end({ error });
  }

  /** The consumer has gone. */
  close(): void {
    this.#closed = true;
    this.#chunks.length = 0;
    this.#rows = [];
  }

  /** Chunks until the statement has ended; throws what it failed with, after all of its rows. */
  async *chunks(): AsyncGenerator<JsonValue[][], FeedOutcome, void> {
    while (true) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        if (this.#chunks.length === MAX_WAITING_CHUNKS - 1) this.#session.resume();
        yield chunk;
      } else if (this.#ended === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      } else if ("error" in this.#ended) {
        throw this.#ended.error;
      } else {
        return this.#ended.outcome;
      }
    }
  }

  #flush(): void {
    this.#chunks.push(this.#rows);
    this.#rows = [];
    this.#mark = this.#session.cut.bytes;
    if (this.#chunks.length === MAX_WAITING_CHUNKS) this.#session.pause();
    this.#wake?.();
  }

  #end(ended: { readonly outcome: FeedOutcome } | { readonly error: unknown }): void {
    this.#ended = ended;
    if (this.#rows.length > 0) this.#flush();
    this.#session.resume();
    this.#wake?.();
  }
}
