/**
 * Results on their way in: rows travel as arrays of JSON-safe values, columns say their types
 * once, and here they become objects with exact values.
 *
 * @module
 */
import { fromBase64 } from "./bytes.ts";

/** A column of a result: its name and its type's name. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** A result as it travels. */
export interface ResultSet {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  readonly rowCount: number;
  readonly command: string;
  readonly truncated: boolean;
}

/** What is known of a result beside its rows. */
export interface ResultInfo {
  readonly columns: readonly Column[];
  /** Rows returned, or changed where the statement returns none. */
  readonly rowCount: number;
  /** The statement's verb as the database names it: `SELECT`, `INSERT`, `CREATE TABLE`. */
  readonly command: string;
  /** Whether the server's limits cut rows off. */
  readonly truncated: boolean;
}

/** A result with its rows. */
export interface QueryResult<Row> extends ResultInfo {
  readonly rows: Row[];
}

/** Rows as an array that also says what is known of the result. */
export type Rows<Row> = Row[] & ResultInfo;

/** How some types become JavaScript values. The defaults lose nothing. */
export interface DecodeOptions {
  /**
   * 64-bit integers: `bigint` (default), `string`, or `number-if-safe`: a number within
   * ±(2^53 - 1), a bigint beyond.
   */
  readonly int8?: "bigint" | "string" | "number-if-safe";
  /**
   * `timestamptz`: `string` (default, ISO 8601 in UTC with microseconds) or `date`: a `Date`,
   * which has milliseconds. Infinities and years before 1 or after 9999 stay text.
   */
  readonly timestamptz?: "string" | "date";
}

type Decode = (value: unknown) => unknown;

/** Rows of one result, decoded. */
export interface RowDecoder {
  /** A row as an object; of equal column names the last wins. */
  object(row: readonly unknown[]): Record<string, unknown>;
  /** A row as an array in the order of the columns. */
  array(row: readonly unknown[]): unknown[];
}

/** The decoder for rows of these columns; made once a result. */
export function rowDecoder(columns: readonly Column[], options: DecodeOptions = {}): RowDecoder {
  const names = columns.map(({ name }) => name);
  const decoders = columns.map(({ type }) => decoderOf(type, options) ?? unchanged);
  // Counting loops: an iterator costs as much as the work on a cell.
  return {
    object(row) {
      const object: Record<string, unknown> = {};
      for (let index = 0; index < names.length; index++) {
        const cell = row[index];
        const decode = decoders[index] ?? unchanged;
        setOwn(object, names[index] ?? "", cell === null ? null : decode(cell));
      }
      return object;
    },
    array(row) {
      return decoders.map((decode, index) => row[index] === null ? null : decode(row[index]));
    },
  };
}

const unchanged: Decode = (value) => value;

/** Assignment, except that `__proto__` becomes a property too and not the prototype. */
function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") {
    object[name] = value;
    return;
  }
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** `undefined` for types whose JSON is the value already. */
function decoderOf(type: string, options: DecodeOptions): Decode | undefined {
  if (type.endsWith("[]")) {
    const element = decoderOf(type.slice(0, -2), options);
    return element === undefined ? undefined : (value) => decodeArray(value, element);
  }
  switch (type) {
    case "int8":
      return INT8[options.int8 ?? "bigint"];
    case "float4":
    case "float8":
      return decodeFloat;
    case "bytea":
      return decodeBytes;
    case "timestamptz":
      return options.timestamptz === "date" ? decodeInstant : undefined;
    default:
      return undefined;
  }
}

/** Arrays of several dimensions are arrays of arrays, under the same type's name. */
function decodeArray(value: unknown, element: Decode): unknown {
  if (Array.isArray(value)) return value.map((item) => decodeArray(item, element));
  return value === null ? null : element(value);
}

const INT8: Record<NonNullable<DecodeOptions["int8"]>, Decode | undefined> = {
  string: undefined,
  bigint: (value) => typeof value === "string" ? BigInt(value) : value,
  "number-if-safe": (value) => {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    return typeof value === "string" ? BigInt(value) : value;
  },
};

/** Finite floats are numbers already; `NaN`, `Infinity` and `-Infinity` travel as text. */
function decodeFloat(value: unknown): unknown {
  return typeof value === "string" ? Number(value) : value;
}

function decodeBytes(value: unknown): unknown {
  return typeof value === "string" ? fromBase64(value) : value;
}

function decodeInstant(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? value : date;
}
