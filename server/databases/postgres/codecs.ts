/**
 * How a cell's text becomes JSON, by the type's shape.
 *
 * @module
 */
import type { JsonValue } from "../database.ts";
import { exactJson, floatValue } from "../values.ts";
import { decodeArray, type DecodeText } from "./arrays.ts";
import { splitRow } from "./composites.ts";
import type { ArrayShape, CompositeShape, Shape, TypeEntry } from "./shapes.ts";
import { decodeTimestamp, decodeTimestamptz } from "./timestamps.ts";

/** A result column's type: its name and how to read its cells. */
export interface Codec {
  /** The name from the table of values, as `columns[].type` has it. */
  readonly name: string;
  /** JSON for a cell's text; cells that are NULL never come here. */
  decode(text: string): JsonValue;
}

/** One class for all, so that calls in the loop over rows see one object layout. */
class ShapeCodec implements Codec {
  readonly name: string;
  readonly decode: DecodeText;

  constructor(name: string, decode: DecodeText) {
    this.name = name;
    this.decode = decode;
  }
}

/** The codec of a type. */
export function codecOf(type: TypeEntry): Codec {
  return new ShapeCodec(type.name, decoderOf(type.shape));
}

function decoderOf(shape: Shape): DecodeText {
  switch (shape.kind) {
    case "text":
      return (text) => text;
    case "bool":
      return (text) => text === "t";
    case "integer":
      return Number;
    case "float":
      return floatValue;
    case "json":
      return exactJson;
    case "bytea":
      return decodeBytea;
    case "timestamp":
      return decodeTimestamp;
    case "timestamptz":
      return decodeTimestamptz;
    case "void":
      return () => null;
    case "array":
      return arrayDecoder(shape);
    case "composite":
      return compositeDecoder(shape);
  }
}

/** The server prints bytea as `\x` and hexadecimal digits (`bytea_output`). */
function decodeBytea(text: string): string {
  return Uint8Array.fromHex(text.slice("\\x".length)).toBase64();
}

function arrayDecoder({ element, delimiter }: ArrayShape): DecodeText {
  const decode = decoderOf(element);
  return (text) => decodeArray(text, decode, delimiter);
}

function compositeDecoder({ fields }: CompositeShape): DecodeText {
  const readers = fields.map(({ name, shape }) => ({ name, decode: decoderOf(shape) }));
  return (text) => {
    const cells = readers.length === 0 ? [] : splitRow(text);
    // The type was changed after its description was read: its text is right, the names may not be.
    if (cells.length !== readers.length) return text;
    // `fromEntries` defines properties, so that a field "__proto__" is one like any other.
    return Object.fromEntries(readers.map(({ name, decode }, index) => {
      const cell = cells[index] ?? null;
      return [name, cell === null ? null : decode(cell)];
    }));
  };
}
