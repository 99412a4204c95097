/**
 * Reads JSON where `JSON.parse` would change something: it keeps the digits of numbers that a
 * double cannot carry, and it gets escaped keys right, which V8's parser at times does not
 * (https://github.com/nodejs/node/issues/63785: once an object had a key `\`, the key `"\n"` of
 * another one with the same shape is read as `\`).
 *
 * @module
 */
import type { JsonValue } from "./database.ts";

/** What is open around the place that is being read. */
type Container =
  | { readonly list: JsonValue[]; readonly object?: undefined }
  | { readonly object: { [key: string]: JsonValue }; key: string };

/** Whether a key of a JSON text is written with an escape. Linear in the text's length. */
export function hasEscapedKey(text: string): boolean {
  let at = text.indexOf("\\");
  while (at >= 0) {
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at = afterSpace(text, at + 1);
    if (text[at] === ":") return true;
    at = text.indexOf("\\", at);
  }
  return false;
}

/**
 * The value of a valid JSON text, each number made of its own characters by `number`; undefined
 * when it nests deeper than `maxDepth`.
 */
export function readJson(
  text: string,
  number: (source: string) => JsonValue,
  maxDepth: number,
): JsonValue | undefined {
  return new JsonReader(text, number, maxDepth).read();
}

class JsonReader {
  readonly #text: string;
  readonly #number: (source: string) => JsonValue;
  readonly #maxDepth: number;
  readonly #open: Container[] = [];
  #at = 0;

  constructor(text: string, number: (source: string) => JsonValue, maxDepth: number) {
    this.#text = text;
    this.#number = number;
    this.#maxDepth = maxDepth;
  }

  read(): JsonValue | undefined {
    for (;;) {
      let value = this.#begin();
      if (this.#open.length > this.#maxDepth) return undefined;
      while (value !== undefined) {
        const container = this.#open.at(-1);
        if (container === undefined) return value;
        this.#put(container, value);
        value = this.#nextOrClose(container);
      }
    }
  }

  /** A whole value, or nothing when a container that is not empty was opened. */
  #begin(): JsonValue | undefined {
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case "{":
        this.#at++;
        if (this.#closes("}")) return {};
        this.#open.push({ object: {}, key: this.#key() });
        return undefined;
      case "[":
        this.#at++;
        if (this.#closes("]")) return [];
        this.#open.push({ list: [] });
        return undefined;
      case '"':
        return this.#string();
      case "t":
        this.#at += "true".length;
        return true;
      case "f":
        this.#at += "false".length;
        return false;
      case "n":
        this.#at += "null".length;
        return null;
      default:
        return this.#number(this.#digits());
    }
  }

  #put(container: Container, value: JsonValue): void {
    if (container.object === undefined) {
      container.list.push(value);
    } else {
      // A key `__proto__` is a property like any other: Deno has no accessor of that name.
      container.object[container.key] = value;
    }
  }

  /** After a value: nothing when another follows, or the container when it ends here. */
  #nextOrClose(container: Container): JsonValue | undefined {
    this.#skipSpace();
    if (this.#text[this.#at++] === ",") {
      if (container.object !== undefined) container.key = this.#key();
      return undefined;
    }
    this.#open.pop();
    return container.object ?? container.list;
  }

  #key(): string {
    this.#skipSpace();
    const key = this.#string();
    this.#skipSpace();
    this.#at++;
    return key;
  }

  #string(): string {
    const start = this.#at++;
    let escaped = false;
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      if (this.#text[this.#at] === "\\") {
        escaped = true;
        this.#at++;
      }
      this.#at++;
    }
    const token = this.#text.slice(start, ++this.#at);
    return escaped ? JSON.parse(token) : token.slice(1, -1);
  }

  #digits(): string {
    const start = this.#at;
    while ("+-.0123456789Ee".includes(this.#text[this.#at] ?? " ")) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #closes(bracket: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    this.#at = afterSpace(this.#text, this.#at);
  }
}

function afterSpace(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}
