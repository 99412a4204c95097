/**
 * PostgreSQL's types by their object id, one catalog a project's database. The built-in types are
 * known beforehand; a project's own ones (enums, domains, composites and arrays of them) are read
 * from the database when a statement first meets them.
 *
 * @module
 */
import { type Codec, codecOf } from "./codecs.ts";
import { BUILTIN_TYPES } from "./oids.ts";
import { arrayOf, holdsComposite, type Shape, type TypeEntry } from "./shapes.ts";

export type { Codec } from "./codecs.ts";

/** Runs a query with text parameters and gives the cells as text. */
export type RunQuery = (
  query: string,
  params: readonly string[],
) => Promise<(string | null)[][]>;

interface KnownType {
  readonly codec: Codec;
  readonly shape: Shape;
  /** On the clock of `performance.now()`, in milliseconds. */
  readonly expires: number;
}

/**
 * How long a row type's fields are believed. {@linkcode TypeCatalog.forget} covers the DDL of this
 * process; another server's `ALTER TYPE` is noticed after this time at the latest.
 */
const COMPOSITE_LIFETIME_MS = 10_000;

const BUILTINS: ReadonlyMap<number, KnownType> = new Map(
  Array.from(BUILTIN_TYPES, ([oid, type]) => [oid, known(type)]),
);

function known(type: TypeEntry): KnownType {
  return {
    codec: codecOf(type),
    shape: type.shape,
    expires: holdsComposite(type.shape) ? performance.now() + COMPOSITE_LIFETIME_MS : Infinity,
  };
}

/** The types of one project's database. */
export class TypeCatalog {
  readonly #own = new Map<number, KnownType>();

  /** How to read a column of this type; undefined until {@linkcode load} has been asked for it. */
  codec(oid: number): Codec | undefined {
    return this.#find(oid)?.codec;
  }

  /** What the type is made of; undefined until {@linkcode load} has been asked for it. */
  shape(oid: number): Shape | undefined {
    return this.#find(oid)?.shape;
  }

  #find(oid: number): KnownType | undefined {
    const builtin = BUILTINS.get(oid);
    if (builtin !== undefined) return builtin;
    const own = this.#own.get(oid);
    return own !== undefined && own.expires > performance.now() ? own : undefined;
  }

  /**
   * Reads types, with all that they are made of, in one round trip; none when all are known. A
   * type that is not there (dropped meanwhile) counts as text from then on.
   */
  async load(oids: readonly number[], run: RunQuery): Promise<void> {
    const missing = oids.filter((oid) => this.#find(oid) === undefined);
    if (missing.length === 0) return;
    const definitions = await readDefinitions(missing, run);
    for (const oid of missing) this.#own.set(oid, known(resolve(oid, definitions)));
  }

  /** Forgets the project's own types: after DDL. */
  forget(): void {
    this.#own.clear();
  }
}

/** A row of {@linkcode DEFINITIONS}. */
interface Definition {
  readonly name: string;
  /** The oid of an array's elements, of a domain's base type; 0 for all others. */
  readonly element: number;
  readonly base: number;
  readonly delimiter: string;
  /** A row type's attributes. */
  readonly fields: readonly { readonly name: string; readonly type: number }[] | null;
}

/**
 * The types asked for and, by recursion, their elements, base types and attributes. The names of
 * types are bare in the schemas that stand on every role's search path. Reads `pg_catalog` alone,
 * as the project's own role.
 */
const DEFINITIONS = `
WITH RECURSIVE wanted (oid) AS (
  SELECT pg_catalog.unnest($1::pg_catalog.oid[])
  UNION
  SELECT part.oid
  FROM wanted
  JOIN pg_catalog.pg_type AS t ON t.oid = wanted.oid
  CROSS JOIN LATERAL (
    SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL
    SELECT t.typelem WHERE t.typtype <> 'd'
      AND t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
    UNION ALL
    SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) AS part (oid)
)
SELECT
  t.oid,
  CASE WHEN n.nspname IN ('pg_catalog', 'public', 'extensions') THEN t.typname::pg_catalog.text
    ELSE n.nspname || '.' || t.typname END,
  CASE WHEN t.typtype <> 'd'
      AND t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
    THEN t.typelem ELSE 0 END,
  t.typbasetype,
  -- An array's delimiter is its element's.
  COALESCE(e.typdelim, ','),
  CASE WHEN t.typtype = 'c' THEN (
    SELECT pg_catalog.json_agg(
      pg_catalog.json_build_object('name', a.attname, 'type', a.atttypid::pg_catalog.int8)
      ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) END,
  t.typtype
FROM wanted
JOIN pg_catalog.pg_type AS t ON t.oid = wanted.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem`;

async function readDefinitions(
  oids: readonly number[],
  run: RunQuery,
): Promise<ReadonlyMap<number, Definition>> {
  const definitions = new Map<number, Definition>();
  for (const row of await run(DEFINITIONS, [`{${oids.join(",")}}`])) {
    const [oid, name, element, base, delimiter, fields, kind] = row;
    definitions.set(Number(oid), {
      name: name ?? "",
      element: Number(element),
      base: Number(base),
      delimiter: delimiter ?? ",",
      fields: kind === "c" ? JSON.parse(fields ?? "[]") : null,
    });
  }
  return definitions;
}

/** A type that is gone, or one without parts that Fluxbase knows nothing of. */
const textType = (name: string): TypeEntry => ({ name, shape: { kind: "text" } });

function resolve(oid: number, definitions: ReadonlyMap<number, Definition>): TypeEntry {
  const builtin = BUILTIN_TYPES.get(oid);
  if (builtin !== undefined) return builtin;
  const definition = definitions.get(oid);
  if (definition === undefined) return textType("unknown");
  // A result's columns never show a domain, only its base type: so it is named everywhere.
  if (definition.base !== 0) return resolve(definition.base, definitions);
  if (definition.element !== 0) {
    return arrayOf(resolve(definition.element, definitions), definition.delimiter);
  }
  if (definition.fields === null) return textType(definition.name);
  const fields = definition.fields.map(({ name, type }) => ({
    name,
    shape: resolve(type, definitions).shape,
  }));
  return { name: definition.name, shape: { kind: "composite", fields } };
}
