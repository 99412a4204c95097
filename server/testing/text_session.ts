/**
 * A PostgreSQL connection for tests of values: cells are the server's own text, printed under the
 * settings that Fluxbase pins.
 *
 * @module
 */
import postgres from "postgres";
import type { RunQuery } from "../databases/postgres/types.ts";

/** One connection; closed when the scope ends. */
export interface TextSession extends AsyncDisposable {
  readonly sql: postgres.Sql;
  readonly run: RunQuery;
}

/** Opens a connection whose cells stay text. */
export function textSession(url: string): TextSession {
  const sql = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    connection: {
      TimeZone: "UTC",
      DateStyle: "ISO",
      IntervalStyle: "iso_8601",
      extra_float_digits: 1,
      bytea_output: "hex",
      lc_monetary: "C",
    },
  });
  for (const oid of Object.keys(sql.options.parsers)) delete sql.options.parsers[Number(oid)];
  return {
    sql,
    // A parser alone would make anything but text of a cell.
    run: async (query, params) =>
      Array.from<Iterable<unknown>, (string | null)[]>(
        await sql.unsafe(query, [...params]).values(),
        (row) => Array.from(row, (cell) => cell === null ? null : String(cell)),
      ),
    [Symbol.asyncDispose]: () => sql.end(),
  };
}
