/** A cell as the grid shows it. */
export interface Cell {
  readonly text: string;
  /** How it is coloured and aligned. */
  readonly kind: "null" | "number" | "boolean" | "text" | "json" | "bytes";
}

/** Types whose values are text because JavaScript's numbers cannot hold them. */
const NUMBER_TYPES = new Set(["numeric", "money"]);

/** The text of a value, exact: NULL apart from empty text, numbers with all their digits. */
export function cellOf(value: unknown, type?: string): Cell {
  if (value === null || value === undefined) return { text: "NULL", kind: "null" };
  if (typeof value === "bigint" || typeof value === "number") {
    return { text: String(value), kind: "number" };
  }
  if (typeof value === "boolean") return { text: String(value), kind: "boolean" };
  if (typeof value === "string") {
    return { text: value, kind: NUMBER_TYPES.has(type ?? "") ? "number" : "text" };
  }
  if (value instanceof Uint8Array) return { text: hex(value), kind: "bytes" };
  return { text: JSON.stringify(value, exact), kind: "json" };
}

/** Values that JSON has no word for, inside arrays and objects. */
function exact(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? hex(value) : value;
}

const SHOWN_BYTES = 64;

function hex(bytes: Uint8Array): string {
  const digits = Array.from(
    bytes.subarray(0, SHOWN_BYTES),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
  return bytes.length > SHOWN_BYTES ? `\\x${digits}… (${bytes.length} bytes)` : `\\x${digits}`;
}
