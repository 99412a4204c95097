/**
 * Bound parameters on their way to PostgreSQL: JSON values as the text that the described type
 * reads. The type is known only after the server has described the statement, so a value that
 * different types write differently travels as a {@linkcode Parameter} and is turned into text by
 * the serializer of its type; the driver calls those by object id.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type { JsonValue } from "../database.ts";
import { isRawJson } from "../values.ts";
import { arrayLiteral, quoteElement } from "./arrays.ts";
import { rowLiteral } from "./composites.ts";
import { BUILTIN_TYPES, FIRST_USER_OID } from "./oids.ts";
import type { ArrayShape, CompositeShape, Shape } from "./shapes.ts";
import type { TypeCatalog } from "./types.ts";

/** An array or object whose text depends on the type that the server describes. */
export class Parameter {
  readonly value: JsonValue;

  constructor(value: JsonValue) {
    this.value = value;
  }

  /** The text where nothing is known of the type: an array literal, or an object's JSON. */
  toString(): string {
    return encodeAs(TEXT, this.value) ?? "NULL";
  }
}

const TEXT: Shape = { kind: "text" };

/**
 * A JSON value as the driver takes it. `null` is SQL's NULL for every type. Booleans and numbers
 * are the text that they have in JSON, strings are themselves: the database reads them by the
 * described type, so `"9007199254740993"` fits an int8 and `"2026-01-02"` a date.
 *
 * Throws `PARAMETER_INVALID` for a string that is not well-formed Unicode (an unpaired surrogate
 * would turn into U+FFFD on the wire) and for a number that JSON cannot have.
 */
export function encodeParameter(value: JsonValue): string | null | Parameter {
  if (value === null) return null;
  if (typeof value !== "object" || isRawJson(value)) return scalarText(value);
  return new Parameter(value);
}

/** What a driver calls with a value of {@linkcode encodeParameter} that is not null. */
export type ParameterSerializer = (value: unknown) => string;

/** Serializers by the object id of the described type, for the built-in types. */
export const parameterSerializers: Readonly<Record<number, ParameterSerializer>> = Object
  .fromEntries(Array.from(BUILTIN_TYPES, ([oid, { shape }]) => [oid, serializerOf(shape)]));

/** A parameter has a type of the project's own that the catalog must load first. */
export class UnknownParameterType extends Error {
  override readonly name = "UnknownParameterType";
  readonly oid: number;

  constructor(oid: number) {
    super(`Cannot encode a parameter before its type ${oid} is loaded`);
    this.oid = oid;
  }
}

/**
 * Serializers for the built-in types and those of one project. For a type of the project's own
 * that the catalog does not know yet the look-up throws {@linkcode UnknownParameterType}, before
 * anything was sent: load it and run the statement again. Without this a domain over bytea, to the
 * driver a type like any other, would silently store the base64 text itself.
 */
export function parameterSerializersOf(
  catalog: TypeCatalog,
): Readonly<Record<number, ParameterSerializer>> {
  return new Proxy(parameterSerializers, {
    has: (builtin, key) => key in builtin || isUserOid(key),
    get(builtin, key) {
      if (!isUserOid(key)) return Reflect.get(builtin, key);
      const oid = Number(key);
      const shape = catalog.shape(oid);
      if (shape === undefined) throw new UnknownParameterType(oid);
      return serializerOf(shape);
    },
  });
}

function isUserOid(key: string | symbol): boolean {
  return typeof key === "string" && Number(key) >= FIRST_USER_OID;
}

function serializerOf(shape: Shape): ParameterSerializer {
  return (value) => {
    const encoded = encodeAs(shape, value instanceof Parameter ? value.value : String(value));
    return encoded ?? "NULL";
  };
}

/**
 * A value as the text of a type.
 *
 * A string for a json or jsonb type is JSON text already, as psql and node-postgres have it: a
 * caller can hand over numbers of any length, and a document that was serialised before is not
 * serialised twice without a word (a string that is no JSON fails loudly instead). Elements of
 * json arrays follow the same rule, and a JSON array among them is a document, not a dimension.
 */
function encodeAs(shape: Shape, value: JsonValue): string | null {
  if (value === null) return null;
  if (typeof value === "string" && shape.kind === "bytea") return byteaText(value);
  if (typeof value !== "object" || isRawJson(value)) return scalarText(value);
  if (shape.kind === "json") return JSON.stringify(value);
  if (Array.isArray(value)) {
    return shape.kind === "array"
      ? arrayText(shape, value)
      : arrayText({ kind: "array", element: shape, delimiter: "," }, value);
  }
  return shape.kind === "composite"
    ? rowText(shape, value as { readonly [key: string]: JsonValue })
    : JSON.stringify(value);
}

function scalarText(value: JsonValue): string {
  if (typeof value === "string") {
    if (value.isWellFormed()) return value;
    throw new FluxbaseError(
      "PARAMETER_INVALID",
      `Cannot bind text with an unpaired surrogate: ${quote(value)}`,
    );
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) {
      throw new FluxbaseError("PARAMETER_INVALID", `Cannot bind the number ${value}: pass text`);
    }
    return Object.is(value, -0) ? "-0" : String(value);
  }
  return isRawJson(value) ? value.rawJSON : String(value);
}

function arrayText(shape: ArrayShape, items: readonly JsonValue[]): string {
  const { element, delimiter } = shape;
  if (!items.some((item) => isDimension(item, element))) {
    return arrayLiteral(items.map((item) => encodeAs(element, item)), delimiter);
  }
  // Dimensions stand without quotes; what is no dimension among them the server refuses.
  const texts = items.map((item) =>
    isDimension(item, element) ? arrayText(shape, item) : quoteElement(encodeAs(element, item))
  );
  return `{${texts.join(delimiter)}}`;
}

/** Whether an element is itself an array of elements rather than one value of the element type. */
function isDimension(item: JsonValue, element: Shape): item is readonly JsonValue[] {
  return Array.isArray(item) && element.kind !== "json" && element.kind !== "array";
}

function rowText(shape: CompositeShape, value: { readonly [key: string]: JsonValue }): string {
  const unknown = Object.keys(value).find((key) => !shape.fields.some(({ name }) => name === key));
  if (unknown !== undefined) {
    throw new FluxbaseError("PARAMETER_INVALID", `The row type has no field ${quote(unknown)}`);
  }
  return rowLiteral(
    shape.fields.map(({ name, shape }) =>
      Object.hasOwn(value, name) ? encodeAs(shape, value[name] ?? null) : null
    ),
  );
}

/** Base64 as results carry bytea, or PostgreSQL's own text, which starts with `\x`. */
function byteaText(text: string): string {
  if (text.startsWith("\\x")) return text;
  try {
    return `\\x${Uint8Array.fromBase64(text).toHex()}`;
  } catch (cause) {
    throw new FluxbaseError(
      "PARAMETER_INVALID",
      `Cannot read ${quote(text)} as base64 for a bytea parameter`,
      { cause },
    );
  }
}

const QUOTED_LENGTH = 40;

function quote(text: string): string {
  const start = text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text;
  return JSON.stringify(start);
}
