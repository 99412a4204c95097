import type { Database, StreamChunk } from "../databases/database.ts";

/** A project's database that knows whether calls are under way, so that only an idle one closes. */
export class TrackedDatabase implements Database {
  readonly #inner: Database;
  #calls = 0;

  constructor(inner: Database) {
    this.#inner = inner;
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#calls > 0;
  }

  execute(...input: Parameters<Database["execute"]>): ReturnType<Database["execute"]> {
    return this.#track(() => this.#inner.execute(...input));
  }

  batch(...input: Parameters<Database["batch"]>): ReturnType<Database["batch"]> {
    return this.#track(() => this.#inner.batch(...input));
  }

  describe(...input: Parameters<Database["describe"]>): ReturnType<Database["describe"]> {
    return this.#track(() => this.#inner.describe(...input));
  }

  async *stream(...input: Parameters<Database["stream"]>): AsyncGenerator<StreamChunk, void> {
    this.#calls++;
    try {
      yield* this.#inner.stream(...input);
    } finally {
      this.#calls--;
    }
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #track<T>(call: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await call();
    } finally {
      this.#calls--;
    }
  }
}
