/**
 * Parameters on their way to the server: every JavaScript value as the JSON that says it exactly,
 * in the forms that results have. What JSON would lose without a word (`undefined`, `NaN` inside
 * an object, a `Map`, a large `bigint` inside an object) is refused.
 *
 * @module
 */
import { toBase64 } from "./bytes.ts";
import { FluxbaseError } from "./errors.ts";

/**
 * A value for a placeholder: `null`, boolean, number, bigint, string, `Date` (as an instant),
 * `Uint8Array` and `ArrayBuffer` (bytea), other typed arrays and arrays (arrays, or JSON for a
 * json column), anything else with `toJSON`, and plain objects (JSON). Never `undefined`: SQL's
 * NULL is `null`.
 */
export type Parameter = null | boolean | number | bigint | string | object;

/** A value as JSON carries it. */
export type Json =
  | null
  | boolean
  | number
  | string
  | Json[]
  | { [key: string]: Json };

/** Deeper than any server takes; reached by objects that contain themselves. */
const MAX_DEPTH = 500;

/** A statement's parameters as JSON. Throws `PARAMETER_INVALID`, which names the placeholder. */
export function encodeParameters(parameters: readonly unknown[]): Json[] {
  return Array.from(parameters, (value, index) => encode(value, `Parameter $${index + 1}`, 0));
}

/** Outside of objects numbers may travel as text: the column's type says what they are. */
function encode(value: unknown, place: string, depth: number): Json {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") {
    // JSON knows neither NaN nor infinities, and drops the sign of -0.
    return Number.isFinite(value) && !Object.is(value, -0) ? value : numberText(value);
  }
  if (ArrayBuffer.isView(value) && isNumericArray(value)) {
    return Array.from<unknown, Json>(value, (item) => encode(item, place, depth + 1));
  }
  if (Array.isArray(value)) return encodeArray(value, place, depth, encode);
  return encodeJson(value, place, depth);
}

/** Inside of objects a value's JSON type is what the database stores. */
function encodeJson(value: unknown, place: string, depth: number): Json {
  if (depth > MAX_DEPTH) throw refused(place, "nests too deep or contains itself");
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw refused(place, `holds ${value}, which JSON cannot say`);
      return value;
    case "bigint":
      return jsonInteger(value, place);
    case "object":
      return value === null ? null : encodeObject(value, place, depth);
    case "undefined":
      throw refused(place, "is undefined: pass null for SQL's NULL");
    default:
      throw refused(place, `is a ${typeof value}`);
  }
}

function encodeObject(value: object, place: string, depth: number): Json {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(place, "is an invalid Date");
    return instantText(value);
  }
  // Before `toJSON`: Node's Buffer has one, and it is not what a bytea column takes.
  if (value instanceof Uint8Array) return toBase64(value);
  if (value instanceof ArrayBuffer) return toBase64(new Uint8Array(value));
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return encodeJson(value.toJSON(), place, depth + 1);
  }
  if (Array.isArray(value)) return encodeArray(value, place, depth, encodeJson);
  if ("then" in value && typeof value.then === "function") {
    throw refused(place, "is a promise or a query: await it first");
  }
  const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
  if (kind !== "Object") throw refused(place, `is a ${kind}, which has no JSON form`);
  // `fromEntries` defines properties, so that a key "__proto__" is one like any other.
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, encodeJson(item, `${place}.${key}`, depth + 1)]),
  );
}

function encodeArray(
  items: readonly unknown[],
  place: string,
  depth: number,
  encodeItem: typeof encode,
): Json[] {
  if (depth > MAX_DEPTH) throw refused(place, "nests too deep or contains itself");
  return Array.from(items, (item, index) => encodeItem(item, `${place}[${index}]`, depth + 1));
}

function jsonInteger(value: bigint, place: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw refused(place, `holds the bigint ${value}, too large for a JSON number: pass it as text`);
}

/** ISO 8601, with years beyond 9999 and before Christ as databases read them. */
function instantText(date: Date): string {
  const year = date.getUTCFullYear();
  if (year >= 1 && year <= 9999) return date.toISOString();
  const rest = date.toISOString().slice("+012345".length);
  return year > 9999 ? `${year}${rest}` : `${String(1 - year).padStart(4, "0")}${rest} BC`;
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function isNumericArray(
  view: ArrayBufferView,
): view is ArrayBufferView & Iterable<number | bigint> {
  return !(view instanceof Uint8Array) && Symbol.iterator in view;
}

function refused(place: string, problem: string): FluxbaseError {
  return new FluxbaseError({ code: "PARAMETER_INVALID", message: `${place} ${problem}` });
}
