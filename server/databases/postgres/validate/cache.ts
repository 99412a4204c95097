/**
 * Outcomes by text, the latest used kept, bounded by number and size.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Outcome } from "./outcome.ts";

/**
 * Longer texts are known by their digest. Beyond 16,383 characters V8 hashes a string by its length
 * alone, so that equally long texts would all be compared with each other.
 */
const LONGEST_KEY = 4096;

/** What an entry costs besides its text, in bytes, with the longest message. */
const ENTRY_BYTES = 1000;

interface Entry {
  readonly outcome: Outcome;
  readonly bytes: number;
  /** Milliseconds of `Date.now` from which the text is judged again. */
  readonly until: number;
  /** How often the text has ended a worker. */
  readonly kills: number;
}

/** How long a text that outstayed its deadline is refused unseen: doubled each time. */
const FIRST_BAN_MS = 60_000;
const LONGEST_BAN_MS = 24 * 3600_000;

/** Outcomes by text. */
export class OutcomeCache {
  readonly #short = new Map<string, Entry>();
  /** By digest; apart, so that no text can pass for another's digest. */
  readonly #long = new Map<string, Entry>();
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  /** Texts kept. */
  get size(): number {
    return this.#short.size + this.#long.size;
  }

  /** Size of what is kept, in bytes, by estimate. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is known of a text. */
  get(text: string): Outcome | undefined {
    const map = this.#mapOf(text);
    const key = keyOf(text);
    const entry = map.get(key);
    if (entry === undefined) return undefined;
    if (entry.until < Infinity && entry.until <= Date.now()) return undefined;
    map.delete(key);
    map.set(key, entry);
    return entry.outcome;
  }

  /** Keeps what a text is. */
  set(text: string, outcome: Outcome): void {
    this.#put(text, outcome, Infinity, 0);
  }

  /**
   * Keeps the refusal of a text that ended a worker by its deadline. Not for ever: a machine under
   * load may have been the cause. The second time it is kept for twice as long, and so on.
   */
  ban(text: string, outcome: Outcome): void {
    const kills = 1 + (this.#mapOf(text).get(keyOf(text))?.kills ?? 0);
    const ban = Math.min(FIRST_BAN_MS * 2 ** (kills - 1), LONGEST_BAN_MS);
    this.#put(text, outcome, Date.now() + ban, kills);
  }

  #put(text: string, outcome: Outcome, until: number, kills: number): void {
    const map = this.#mapOf(text);
    const key = keyOf(text);
    const bytes = ENTRY_BYTES + 2 * key.length;
    this.#bytes += bytes - (map.get(key)?.bytes ?? 0);
    map.delete(key);
    map.set(key, { outcome, bytes, until, kills });
    while (this.size > this.#maxEntries || this.#bytes > this.#maxBytes) {
      // Which map gives is of little weight: the one that holds more.
      this.#dropOldest(this.#short.size >= this.#long.size ? this.#short : this.#long);
    }
  }

  #dropOldest(map: Map<string, Entry>): void {
    for (const [key, entry] of map) {
      map.delete(key);
      this.#bytes -= entry.bytes;
      return;
    }
  }

  #mapOf(text: string): Map<string, Entry> {
    return text.length > LONGEST_KEY ? this.#long : this.#short;
  }
}

/** Digest of a long text, a short one itself. */
export function keyOf(text: string): string {
  return text.length > LONGEST_KEY ? createHash("sha256").update(text).digest("base64") : text;
}
