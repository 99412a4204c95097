/**
 * Cheap checks on the raw text of a statement, before any parser sees it, in linear time. They
 * refuse what a parser would misread, and what keeps a scanner busy far beyond its length: flex
 * matches a whole run of operator characters, takes one token from it and starts again behind
 * that. 400 kB of `/*` hold a PostgreSQL backend for two minutes and 256 kB of `+` for ten
 * seconds, both deaf to time-outs, cancel and terminate.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";

/** Longest statement by default, in bytes of UTF-8. */
export const MAX_QUERY_BYTES = 256 * 1024;

/** A run of operator characters up to this length is always let through. */
export const MAX_OPERATOR_RUN = 128;

/** In a longer run, at how many places the scanner may start again. */
export const MAX_RUN_RESTARTS = 64;

/** PostgreSQL's `op_chars` (scan.l), by character code. */
const IS_OPERATOR = new Uint8Array(128);
for (const char of "~!@#^&|`?+-*/%<>=") IS_OPERATOR[char.charCodeAt(0)] = 1;

const PLUS = "+".charCodeAt(0);

/**
 * Throws `QUERY_FORBIDDEN` unless the text may go to a parser.
 *
 * @param query The statement as the user sent it
 * @param maxBytes Longest text allowed, in bytes of UTF-8
 */
export function guard(query: string, maxBytes: number = MAX_QUERY_BYTES): void {
  // The length first: nothing below looks at a text that is too long.
  const bytes = utf8Length(query, maxBytes);
  if (bytes > maxBytes) {
    throw new FluxbaseError(
      "QUERY_FORBIDDEN",
      `The statement is longer than ${maxBytes} bytes; send values as parameters`,
    );
  }
  // Parsers in C end at a NUL: they would judge the part before it only.
  const nul = query.indexOf("\0");
  if (nul >= 0) throw refused("The statement contains a NUL character", query, nul);
  // An encoder turns a lone surrogate into U+FFFD: the text judged would not be the text sent.
  if (!query.isWellFormed()) {
    throw refused("The statement contains half a surrogate pair", query, loneSurrogate(query));
  }
  const run = costlyRun(query);
  if (run >= 0) {
    throw refused(
      `A run of more than ${MAX_OPERATOR_RUN} operator characters is not allowed`,
      query,
      run,
    );
  }
}

/**
 * Where a run of operator characters begins that the scanner would read again and again; -1 where
 * there is none. It can start again wherever the character changes (a comment's start ends an
 * operator) and behind each plus sign (which ends an operator too; a second minus begins a
 * comment). Comments and literals are not told apart: only a scanner as exact as the parser's could.
 */
function costlyRun(query: string): number {
  let start = -1;
  let restarts = 0;
  let before = 0;
  for (let i = 0; i < query.length; i++) {
    const code = query.charCodeAt(i);
    if (code >= 128 || IS_OPERATOR[code] === 0) {
      start = -1;
      continue;
    }
    if (start < 0) {
      start = i;
      restarts = 0;
    } else {
      if (code !== before || code === PLUS) restarts++;
      if (restarts > MAX_RUN_RESTARTS && i - start >= MAX_OPERATOR_RUN) return start;
    }
    before = code;
  }
  return -1;
}

/** Length in UTF-8; may stop counting once beyond `enough`. */
function utf8Length(text: string, enough: number): number {
  if (text.length > enough || text.length * 3 <= enough) return text.length;
  let bytes = text.length;
  for (let i = 0; i < text.length && bytes <= enough; i++) {
    const code = text.charCodeAt(i);
    // Of a pair's four bytes each half counts two.
    if (code >= 0x80) bytes += code >= 0x800 && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

function loneSurrogate(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i) ?? 0;
    if (code > 0xffff) i++;
    else if (code >= 0xd800 && code <= 0xdfff) return i;
  }
  return -1;
}

function refused(message: string, query: string, index: number): FluxbaseError {
  let position = 1;
  for (let i = 0; i < index; i++) {
    if ((query.codePointAt(i) ?? 0) > 0xffff) i++;
    position++;
  }
  return new FluxbaseError("QUERY_FORBIDDEN", message, { position });
}
