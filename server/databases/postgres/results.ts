/**
 * What came over the wire, as the port's result.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type { Column, JsonValue, ResultSet } from "../database.ts";
import { FIRST_USER_OID } from "./oids.ts";
import type { DriverColumn } from "./driver.ts";
import type { RawResult, Session } from "./session.ts";
import type { TypeCatalog } from "./types.ts";

/** How a result's columns are shown and read. */
interface Reading {
  readonly columns: readonly Column[];
  /** Columns of the project's own types: their cells come as text. */
  readonly own: readonly { readonly index: number; readonly type: number }[];
}

/**
 * By the driver's list of columns, which stays the same one for a prepared statement. Names of the
 * project's own types can change, so only results of built-in types are remembered.
 */
const readings = new WeakMap<readonly DriverColumn[], Reading>();

function readingOf(raw: readonly DriverColumn[], catalog: TypeCatalog): Reading {
  const known = readings.get(raw);
  if (known !== undefined) return known;
  const own = raw.flatMap(({ type }, index) => type >= FIRST_USER_OID ? [{ index, type }] : []);
  const columns = raw.map(({ name, type }) => ({
    name,
    type: catalog.codec(type)?.name ?? "unknown",
  }));
  const reading = { columns, own };
  if (own.length === 0) readings.set(raw, reading);
  return reading;
}

/** Loads what is not known of the types, through the session that they came from. */
export async function loadTypes(
  types: readonly number[],
  catalog: TypeCatalog,
  session: Session,
): Promise<void> {
  const unknown = types.filter((type) => catalog.codec(type) === undefined);
  if (unknown.length > 0) await catalog.load(unknown, session.ask);
}

/** Columns as the port has them. */
export function columnsOf(raw: readonly DriverColumn[], catalog: TypeCatalog): readonly Column[] {
  return readingOf(raw, catalog).columns;
}

/** Reads the cells of the project's own types, in place. */
export function decodeOwnTypes(
  raw: readonly DriverColumn[],
  rows: readonly JsonValue[][],
  catalog: TypeCatalog,
): void {
  for (const { index, type } of readingOf(raw, catalog).own) {
    const codec = catalog.codec(type);
    if (codec === undefined) continue;
    for (const row of rows) {
      const cell = row[index];
      if (typeof cell === "string") row[index] = codec.decode(cell);
    }
  }
}

/** A whole result. The types of its columns must be loaded. */
export function resultSet(
  raw: RawResult,
  truncated: boolean,
  explain: boolean,
  catalog: TypeCatalog,
): ResultSet {
  const { rows, columns } = raw;
  decodeOwnTypes(columns, rows, catalog);
  return {
    columns: columnsOf(columns, catalog),
    rows,
    rowCount: columns.length > 0 ? rows.length : raw.count ?? rows.length,
    // Only what returns rows is ever cut off before the server names it.
    command: raw.command ?? (explain ? "EXPLAIN" : "SELECT"),
    truncated,
  };
}

/** Throws unless at least the first row was within the byte limit. */
export function requireFittingRow(rowTooLarge: boolean, maxBytes: number, aftermath: string): void {
  if (!rowTooLarge) return;
  throw new FluxbaseError(
    "ROW_TOO_LARGE",
    `A row of the result is larger than ${maxBytes} bytes${aftermath}`,
  );
}
