/**
 * The schema of a project's database as a role may see it, from `pg_catalog` in at most two round
 * trips.
 *
 * @module
 */
import type { ColumnSchema, DatabaseSchema, TableSchema } from "../database.ts";
import {
  DESCRIBE_QUERY,
  type DescribedColumn,
  type DescribedTable,
  type Description,
} from "./describe_query.ts";
import { viewColumnOrigins } from "./rule_tree.ts";
import { type RunQuery, TypeCatalog } from "./types.ts";

/**
 * Tables, views, enums and row types of schema `public`. Left out is what the role holds no
 * privilege on: tables, columns, keys to hidden tables, indexes over hidden columns. A role under
 * row security sees neither policies nor estimates of rows.
 *
 * `nullable` is false for a view's column only where it is a plain reference to a column that is
 * never NULL and no outer join, set operation or grouping set stands between; a materialised view's
 * columns count as nullable, for it may be older than the NOT NULL.
 */
export async function describeDatabase(run: RunQuery): Promise<DatabaseSchema> {
  const [[document = null] = []] = await run(DESCRIBE_QUERY, []);
  const description: Description = JSON.parse(document ?? "null");
  const types = new TypeCatalog();
  const columns = [...description.tables, ...description.composites].flatMap((of) => of.columns);
  await types.load([...new Set(columns.map((column) => column.type))], run);
  const nullability = new Nullability(description);
  return {
    tables: description.tables.map((table) =>
      tableSchema(
        table,
        table.columns.map((column) =>
          columnSchema(column, types, nullability.mayBeNull(table.relation, column.number))
        ),
      )
    ),
    enums: description.enums,
    composites: description.composites.map(({ name, columns }) => ({
      name,
      columns: columns.map((column) => columnSchema(column, types, true)),
    })),
  };
}

/** Which columns may hold NULL; views are followed to the tables below them. */
class Nullability {
  readonly #neverNull: ReadonlyMap<number, ReadonlySet<number>>;
  readonly #origins: ReadonlyMap<number, ReturnType<typeof viewColumnOrigins>>;

  constructor({ notNull, rules }: Description) {
    this.#neverNull = new Map(
      notNull.map(({ relation, columns }) => [relation, new Set(columns)]),
    );
    this.#origins = new Map(
      rules.map(({ relation, tree }) => [relation, viewColumnOrigins(tree)]),
    );
  }

  mayBeNull(relation: number, column: number): boolean {
    const origins = this.#origins.get(relation);
    if (origins === undefined) return this.#neverNull.get(relation)?.has(column) !== true;
    const origin = origins.get(column);
    // Views cannot stand on themselves, so this ends.
    return origin === undefined || this.mayBeNull(origin.relation, origin.column);
  }
}

const KINDS = {
  r: "table",
  p: "partitioned table",
  v: "view",
  m: "materialized view",
  f: "foreign table",
} as const satisfies Record<DescribedTable["kind"], TableSchema["kind"]>;

const COMMANDS = {
  "*": "ALL",
  r: "SELECT",
  a: "INSERT",
  w: "UPDATE",
  d: "DELETE",
} as const satisfies Record<string, TableSchema["policies"][number]["command"]>;

const GENERATED = { s: "stored", v: "virtual" } as const;
const IDENTITY = { a: "always", d: "by default" } as const;

function tableSchema(table: DescribedTable, columns: readonly ColumnSchema[]): TableSchema {
  const visible = new Set(columns.map(({ name }) => name));
  const allVisible = (names: readonly string[] | null) =>
    names === null ? !table.partial : names.every((name) => visible.has(name));
  const primaryKey = table.primaryKey ?? [];
  return {
    name: table.name,
    kind: KINDS[table.kind],
    ...(table.comment !== null && { comment: table.comment }),
    columns,
    primaryKey: allVisible(primaryKey) ? primaryKey : [],
    foreignKeys: table.foreignKeys.filter((key) => allVisible(key.columns)),
    indexes: table.indexes.filter(({ uses }) => allVisible(uses)).map((
      { name, columns, unique, definition },
    ) => ({ name, columns, unique, definition })),
    rowSecurity: table.rowSecurity,
    policies: (table.policies ?? []).map(({ name, command, permissive, using, check }) => ({
      name,
      command: COMMANDS[command],
      permissive,
      ...(using !== null && { using }),
      ...(check !== null && { check }),
    })),
    ...(table.estimatedRows !== null && { estimatedRows: table.estimatedRows }),
  };
}

function columnSchema(
  column: DescribedColumn,
  types: TypeCatalog,
  nullable: boolean,
): ColumnSchema {
  const generated = column.generated
    ? GENERATED[column.generated]
    : column.identity
    ? IDENTITY[column.identity]
    : undefined;
  return {
    name: column.name,
    type: types.codec(column.type)?.name ?? column.databaseType,
    databaseType: column.databaseType,
    nullable,
    ...(typeof column.default === "string" && { default: column.default }),
    ...(generated !== undefined && { generated }),
    ...(typeof column.comment === "string" && { comment: column.comment }),
  };
}
