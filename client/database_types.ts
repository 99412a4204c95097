/**
 * The types that generated database types (`deno task types`) give to rows.
 *
 * @module
 */

/** The shape of a generated `Database` type: tables and views by name, each with its row. */
export interface DatabaseTypes {
  readonly Tables: object;
}

/** No generated types: every row is named by the caller. */
export interface Untyped {
  readonly Tables: Record<never, never>;
}

/** The names of the tables and views of a generated `Database` type. */
export type TableName<DB extends DatabaseTypes> = keyof DB["Tables"] & string;

/** A row of a table as `select *` returns it: `Row<Database, "users">`. */
export type Row<DB extends DatabaseTypes, Table extends TableName<DB>> = DB["Tables"][Table] extends
  { Row: infer R } ? R : never;

/** A row of which nothing is known but that columns have names. */
export type UnknownRow = Record<string, unknown>;

/** The row that a type argument names: a table by its name, or a type as it stands. */
export type RowOf<DB extends DatabaseTypes, R> = R extends TableName<DB> ? Row<DB, R> : R;
