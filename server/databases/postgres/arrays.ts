/**
 * PostgreSQL's array literals (manual, "8.15.6. Array Input and Output Syntax").
 *
 * @module
 */
import type { JsonValue } from "../database.ts";

/** How one element's text becomes JSON. */
export type DecodeText = (text: string) => JsonValue;

/**
 * The elements of an array's text. Dimensions nest; JSON arrays start at 0, so lower bounds other
 * than 1 (`[0:1]={7,8}`) are left away.
 */
export function decodeArray(text: string, decode: DecodeText, delimiter = ","): JsonValue[] {
  return new ArrayReader(text, decode, delimiter).read();
}

class ArrayReader {
  readonly #text: string;
  readonly #decode: DecodeText;
  readonly #delimiter: string;
  #at: number;

  constructor(text: string, decode: DecodeText, delimiter: string) {
    this.#text = text;
    this.#decode = decode;
    this.#delimiter = delimiter;
    this.#at = text.startsWith("[") ? text.indexOf("=") + 1 : 0;
  }

  /** Reads from `{` to its `}`. */
  read(): JsonValue[] {
    const items: JsonValue[] = [];
    this.#at++;
    if (this.#text[this.#at] === "}") {
      this.#at++;
      return items;
    }
    for (;;) {
      items.push(this.#item());
      if (this.#text[this.#at++] !== this.#delimiter) return items;
    }
  }

  #item(): JsonValue {
    const first = this.#text[this.#at];
    if (first === "{") return this.read();
    if (first === '"') return this.#decode(this.#quoted());
    const text = this.#bare();
    return text === "NULL" ? null : this.#decode(text);
  }

  #bare(): string {
    const start = this.#at;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === this.#delimiter || character === "}" || character === undefined) {
        return this.#text.slice(start, this.#at);
      }
      this.#at++;
    }
  }

  #quoted(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    let escaped = false;
    while (at < text.length && text[at] !== '"') {
      if (text[at] === "\\") {
        escaped = true;
        at++;
      }
      at++;
    }
    this.#at = at + 1;
    const raw = text.slice(start, at);
    return escaped ? raw.replace(/\\([^])/g, "$1") : raw;
  }
}

/** An array literal of texts that are encoded already; `null` is SQL's NULL. */
export function arrayLiteral(elements: readonly (string | null)[], delimiter = ","): string {
  return `{${elements.map(quoteElement).join(delimiter)}}`;
}

/** One element, always in quotes, so that no content (`NULL`, blanks, braces) means anything. */
export function quoteElement(text: string | null): string {
  return text === null ? "NULL" : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
