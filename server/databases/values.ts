/**
 * The JSON forms that all dialects share. A value leaves the server exactly as the database holds
 * it: what a JSON number cannot carry through a double stands as text, or, where the value *is*
 * JSON, as a number with the database's own digits. The table of all types is in
 * `server/README.md`.
 *
 * @module
 */
import type { JsonValue } from "./database.ts";
import { hasEscapedKey, readJson } from "./json_reader.ts";

/** Part of ECMAScript's "JSON.parse source text access", which TypeScript does not know yet. */
interface RawJsonSupport {
  rawJSON(source: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
}

/** A JSON number with its own digits: `JSON.stringify` writes `rawJSON` as it stands. */
export type RawJson = { readonly rawJSON: string };

const support = JSON as unknown as RawJsonSupport;

/** Makes a JSON number of its digits, which `JSON.stringify` writes unchanged. */
export const rawJson = support.rawJSON;

/** Whether a value is a number made by {@linkcode rawJson}. */
export const isRawJson = support.isRawJSON;

const NEGATIVE_ZERO = rawJson("-0");

/**
 * A floating-point number as the database printed it (its shortest exact form). NaN and the
 * infinities, for which JSON has no number, stay the strings `"NaN"`, `"Infinity"` and
 * `"-Infinity"`; `JSON.stringify` would drop the sign of -0, so that one is kept raw.
 */
export function floatValue(text: string): JsonValue {
  const value = Number(text);
  if (value === 0) return text.startsWith("-") ? NEGATIVE_ZERO : value;
  return Number.isFinite(value) ? value : text;
}

/** A JSON number: as a double when that prints the same value again, else with its own digits. */
export function exactNumber(source: string): number | RawJson {
  const value = Number(source);
  const printed = String(value);
  if (printed === source) return value;
  return canonicalDecimal(printed) === canonicalDecimal(source) ? value : rawJson(source);
}

/** Sign, significant digits and exponent, so that equal numbers have equal texts. */
function canonicalDecimal(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return `${sign}0`;
  const scale = BigInt(exponent) - BigInt(fraction.length) +
    BigInt(digits.length - significant.length);
  return `${sign}${significant}e${scale}`;
}

/**
 * Finds a number that a double might change: minus zero, an exponent, or 16 and more digits. It
 * may find one inside a string (then only time is lost) but misses none. A number's first
 * character follows the text's start, white space, `:`, `,` or `[`: asking for that keeps UUIDs
 * and hashes out.
 */
const SUSPICIOUS_NUMBER = /(?:^|[\s:,[])(?:-0(?![\d.]*[1-9])|-?\d[\d.]{15}|-?\d[\d.]*[eE])/;

/**
 * `JSON.stringify` recurses once it meets a raw number, and exhausts the stack at some thousand
 * levels; the answer with the value in it has a few of its own.
 */
const MAX_RAW_DEPTH = 1_000;

/**
 * JSON text as a value that `JSON.stringify` writes back without changing a number or a key. The
 * usual document costs one `JSON.parse`. Of equal keys in one object the last one counts. Throws
 * `SyntaxError` for what is not JSON.
 *
 * A document of more than a thousand levels that holds a number beyond a double, or an escaped
 * key, stays text: `JSON.stringify` could not write it.
 */
export function exactJson(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return SUSPICIOUS_NUMBER.test(text) || hasEscapedKey(text)
    ? readJson(text, exactNumber, MAX_RAW_DEPTH) ?? text
    : value;
}
