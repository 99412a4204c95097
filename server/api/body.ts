/**
 * Bodies of requests as JSON values: bounded in size before they are read, in depth before they
 * are parsed, and exact in every number.
 *
 * @module
 */
import type { JsonValue } from "../databases/database.ts";
import { exactJson } from "../databases/values.ts";
import { FluxbaseError } from "../errors.ts";

/** Bytes of a body, unless the server is started with another limit. */
export const DEFAULT_BODY_BYTES = 1_048_576;

/**
 * `JSON.parse` and `JSON.stringify` recurse: 5 million levels in 10 MB hold the event loop for half
 * a minute. Nothing in a request of ours nests deeper than a handful.
 */
export const MAX_JSON_DEPTH = 64;

/** A body may take 30 s to arrive; else a trickle of bytes would hold its memory for ever. */
const SWEEP_MS = 5_000;
const BODY_SWEEPS = 6;

// Fatal, since a replaced character would be a silently changed value.
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The body as text; `UNSUPPORTED_MEDIA_TYPE`, `BODY_TOO_LARGE`, `BAD_REQUEST`. */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const { headers } = request;
  requireJson(headers.get("content-type"));
  const length = headers.get("content-length");
  if (length !== null && Number(length) > maxBytes) throw tooLarge(maxBytes);
  const bytes = length === null
    ? await readBounded(request, maxBytes)
    : await beforeDeadline(request.bytes());
  try {
    return decoder.decode(bytes);
  } catch {
    throw new FluxbaseError("BAD_REQUEST", "Body is not valid UTF-8");
  }
}

/** A text as JSON; `JSON_TOO_DEEP`, `BAD_REQUEST`. */
export function parseJson(text: string): JsonValue {
  requireShallow(text);
  try {
    return exactJson(text);
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? `: ${cause.message}` : "";
    throw new FluxbaseError("BAD_REQUEST", `Body is not valid JSON${reason}`);
  }
}

/** Throws `JSON_TOO_DEEP` by one scan that skips strings; whether it is JSON at all does not matter. */
export function requireShallow(text: string, maxDepth = MAX_JSON_DEPTH): void {
  if (text.length <= maxDepth) return;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth++;
        if (depth > maxDepth) {
          throw new FluxbaseError("JSON_TOO_DEEP", `JSON nests deeper than ${maxDepth} levels`);
        }
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
}

/** Index of the quote that ends the string which starts at `start`, or of the text's end. */
function endOfString(text: string, start: number): number {
  for (let end = start;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

function requireJson(contentType: string | null): void {
  if (contentType === "application/json") return;
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/json") return;
  throw new FluxbaseError(
    "UNSUPPORTED_MEDIA_TYPE",
    contentType === null
      ? 'Send the body with "content-type: application/json"'
      : `Cannot read a body of type "${contentType}"; send application/json`,
  );
}

/** Reads a body of unknown length, and no more of it than the limit. */
async function readBounded(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reading = async () => {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      size += piece.value.length;
      if (size > maxBytes) {
        await reader.cancel();
        throw tooLarge(maxBytes);
      }
      pieces.push(piece.value);
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  };
  return await beforeDeadline(reading());
}

/** Bodies that have not arrived, in the order in which they began. */
const arriving = new Set<{ readonly sweep: number; readonly reject: (why: Error) => void }>();
/** Counts the sweeps, which are the clock of the deadline. */
let sweeps = 0;
let sweeping = false;

/**
 * Waits for a body up to the deadline. One timer looks after all of them: a timer each would cost
 * every request more than the rest of its reading.
 */
function beforeDeadline<T>(reading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const entry = { sweep: sweeps, reject };
    arriving.add(entry);
    if (!sweeping) sweepLater();
    reading.then((value) => {
      arriving.delete(entry);
      resolve(value);
    }, (cause) => {
      arriving.delete(entry);
      // Anything else is a client that went away in the middle: nobody will read this.
      reject(
        cause instanceof FluxbaseError
          ? cause
          : new FluxbaseError("BAD_REQUEST", "Body ended before its end", { cause }),
      );
    });
  });
}

function sweepLater(): void {
  sweeping = true;
  const timer = setTimeout(() => {
    sweeps++;
    for (const entry of arriving) {
      if (entry.sweep > sweeps - BODY_SWEEPS) break;
      arriving.delete(entry);
      const message = `Body did not arrive within ${BODY_SWEEPS * SWEEP_MS} ms`;
      entry.reject(new FluxbaseError("BAD_REQUEST", message));
    }
    sweeping = false;
    if (arriving.size > 0) sweepLater();
  }, SWEEP_MS);
  Deno.unrefTimer(timer);
}

function tooLarge(maxBytes: number): FluxbaseError {
  return new FluxbaseError("BODY_TOO_LARGE", `Body is larger than ${maxBytes} bytes`);
}
