/**
 * TypeScript of a database's schema, as the client's rows and parameters have it: what
 * `deno task types` writes. The mapping is the last column of the table in `server/README.md`.
 *
 * @module
 */
import type { ColumnSchema, DatabaseSchema, TableSchema } from "./database.ts";

/**
 * Source text with one interface `Database`: `Tables` with `Row`, `Insert` and `Update` (views:
 * `Row` alone), `Enums` and `Composites`. The same schema gives the same text, formatted as
 * `deno fmt` has it at 100 columns.
 *
 * - `Insert` leaves out what the database alone writes (`GENERATED ALWAYS`), and has as optional
 *   what may be NULL or has a default.
 * - An array's elements may be NULL, whatever its column says; PostgreSQL's types do not tell how
 *   many dimensions an array has, so one is assumed.
 */
export function typescriptOf(schema: DatabaseSchema): string {
  const types = new TypeMap(schema);
  const composites = schema.composites ?? [];
  const enums = schema.enums.map(({ name, values }) => property(2, name, values.map(quoted)));
  const members = [
    block(1, "Tables:", schema.tables.map((table) => tableLines(table, types))),
    block(1, "Enums:", enums),
    block(
      1,
      "Composites:",
      composites.map(({ name, columns }) =>
        block(2, `${key(name)}:`, columns.map((column) => columnLines(3, column, types, "json")))
      ),
    ),
  ];
  return [HEADER, ...block(0, "export interface Database", members), ""].join("\n");
}

const HEADER = `/**
 * The types of a project's database, written by \`deno task types\`. Do not edit: run it again.
 *
 * @module
 */

/** A JSON document. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What the database holds. */`;

const LINE_WIDTH = 100;

/** A line that stands `depth` levels in. */
const indented = (depth: number, text: string) => "  ".repeat(depth) + text;

function block(depth: number, head: string, members: readonly (readonly string[])[]): string[] {
  const end = head.endsWith(":") ? "};" : "}";
  if (members.length === 0) return [indented(depth, `${head} Record<never, never>;`)];
  return [indented(depth, `${head} {`), ...members.flat(), indented(depth, end)];
}

function tableLines(table: TableSchema, types: TypeMap): string[] {
  const written = table.columns.filter(({ generated }) =>
    generated === undefined || generated === "by default"
  );
  const members = [
    block(3, "Row:", table.columns.map((column) => columnLines(4, column, types, "row"))),
  ];
  if (table.kind !== "view" && table.kind !== "materialized view") {
    const insert = written.map((column) =>
      columnLines(4, column, types, "input", mayBeLeftOut(column))
    );
    const update = written.map((column) => columnLines(4, column, types, "input", true));
    members.push(block(3, "Insert:", insert), block(3, "Update:", update));
  }
  return [...comment(2, table.comment), ...block(2, `${key(table.name)}:`, members)];
}

function mayBeLeftOut(column: ColumnSchema): boolean {
  return column.nullable || column.default !== undefined || column.generated !== undefined;
}

/** Where a type stands: read by the client, bound by it, or in JSON that the client leaves alone. */
type Place = "row" | "input" | "json";

function columnLines(
  depth: number,
  column: ColumnSchema,
  types: TypeMap,
  place: Place,
  optional = false,
): string[] {
  const union = types.union(column.type, place);
  const type = column.nullable && !union.includes("Json") ? [...union, "null"] : union;
  const said = place === "row" ? comment(depth, column.comment) : [];
  return [...said, ...property(depth, column.name, type, optional)];
}

/** A member of a type; a union that is too long for a line has a line for each of its types. */
function property(
  depth: number,
  name: string,
  union: readonly string[],
  optional = false,
): string[] {
  const head = `${key(name)}${optional ? "?" : ""}:`;
  const line = indented(depth, `${head} ${union.join(" | ")};`);
  if (line.length <= LINE_WIDTH || union.length === 1) return [line];
  const types = union.map((type) => indented(depth + 1, `| ${type}`));
  return [indented(depth, head), ...types.slice(0, -1), `${types.at(-1)};`];
}

function comment(depth: number, text: string | undefined): string[] {
  if (text === undefined) return [];
  return [indented(depth, `/** ${text.replaceAll("*/", "*\\/").replace(/\s+/g, " ").trim()} */`)];
}

/** A property's name, in quotes where it is no identifier. */
function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** Types that are the same everywhere; a type that is in no table stands as text. */
const SIMPLE: Readonly<Record<string, readonly string[]>> = {
  bool: ["boolean"],
  int2: ["number"],
  int4: ["number"],
  oid: ["number"],
  xid: ["number"],
  cid: ["number"],
  json: ["Json"],
  jsonb: ["Json"],
  void: ["null"],
};

const FLOAT = {
  row: ["number"],
  input: ["number"],
  json: ["number", '"NaN"', '"Infinity"', '"-Infinity"'],
} as const;

/** Types that the client decodes, or binds from more than one JavaScript type. */
const BY_PLACE: Readonly<Record<string, Readonly<Record<Place, readonly string[]>>>> = {
  int8: { row: ["bigint"], input: ["bigint", "number", "string"], json: ["string"] },
  numeric: { row: ["string"], input: ["string", "number", "bigint"], json: ["string"] },
  float4: FLOAT,
  float8: FLOAT,
  bytea: { row: ["Uint8Array"], input: ["Uint8Array", "string"], json: ["string"] },
  timestamptz: { row: ["string"], input: ["string", "Date"], json: ["string"] },
};

/** A schema's types by the names that its columns give. */
class TypeMap {
  readonly #named: ReadonlyMap<string, string>;

  constructor({ tables, enums, composites = [] }: DatabaseSchema) {
    this.#named = new Map([
      // A table's own row type; its fields stand as they do in JSON.
      ...tables.map(({ name }): [string, string] => [name, "{ [field: string]: Json }"]),
      ...enums.map(({ name }): [string, string] => [name, `Database["Enums"][${quoted(name)}]`]),
      ...composites.map(({ name }): [string, string] => [
        name,
        `Database["Composites"][${quoted(name)}]`,
      ]),
    ]);
  }

  /** The members of the union that a type is. */
  union(name: string, place: Place): readonly string[] {
    if (name.endsWith("[]")) {
      const element = this.union(name.slice(0, -"[]".length), place);
      return element.includes("Json") ? ["Json[]"] : [`(${[...element, "null"].join(" | ")})[]`];
    }
    const named = this.#named.get(name);
    if (named !== undefined) return [named];
    return SIMPLE[name] ?? BY_PLACE[name]?.[place] ?? ["string"];
  }
}

/** A string literal with the quotes that need fewer escapes; double ones when it is all one. */
function quoted(text: string): string {
  const double = JSON.stringify(text);
  const doubles = text.split('"').length;
  const singles = text.split("'").length;
  if (doubles <= singles) return double;
  return `'${double.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
