/**
 * Which names a statement may use: schemas, relations, types, operators. Names that carry no schema
 * are found by the search path, which the platform pins to `pg_catalog`, `public`, `extensions`.
 *
 * @module
 */

/** Schema of the project's own objects. */
export const OWN_SCHEMA = "public";

/** Schemas whose functions may be called. `extensions` holds what the platform installed. */
export const FUNCTION_SCHEMAS: ReadonlySet<string> = new Set([
  OWN_SCHEMA,
  "extensions",
  "fluxbase",
  "pg_catalog",
]);

/** Schemas whose types, operators, collations and operator classes may be named. */
export const TYPE_SCHEMAS: ReadonlySet<string> = new Set([
  OWN_SCHEMA,
  "extensions",
  "information_schema",
  "pg_catalog",
]);

/**
 * Types that nobody may name: `regrole` lists the server's logins, `xml` brings in libxml,
 * `refcursor` and `pg_lsn` belong to commands that are not there.
 */
const FORBIDDEN_TYPES: ReadonlySet<string> = new Set(
  ["regrole", "regdatabase", "xml", "refcursor", "pg_lsn"].flatMap((name) => [name, `_${name}`]),
);

/** The system catalogs and views that may be read. None of them is shared between databases. */
const CATALOGS: ReadonlySet<string> = new Set(
  `pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_cast pg_class pg_collation
  pg_constraint pg_conversion pg_depend pg_description pg_enum pg_extension pg_index pg_indexes
  pg_inherits pg_language pg_matviews pg_namespace pg_opclass pg_operator pg_opfamily
  pg_partitioned_table pg_policies pg_policy pg_proc pg_range pg_rewrite pg_rules pg_sequence
  pg_sequences pg_statistic_ext pg_tables pg_transform pg_trigger pg_ts_config pg_ts_config_map
  pg_ts_dict pg_ts_parser pg_ts_template pg_type pg_views`.split(/\s+/),
);

/** `p_<token>_<suffix>`: how projects' logins are named. */
export const LOGIN_NAME = /^p_[0-9a-f]{32}_[a-z]+$/;

/** Why a type's name may not be used; undefined when it may. */
export function typeProblem(names: readonly string[]): string | undefined {
  const [first = "", second] = names;
  if (names.length > 2) return `The type "${names.join(".")}" has too many dots`;
  if (second !== undefined && !TYPE_SCHEMAS.has(first)) return schemaProblem(first);
  const builtin = second === undefined || first === "pg_catalog";
  const name = second ?? first;
  return builtin && FORBIDDEN_TYPES.has(name) ? `The type "${name}" is not allowed` : undefined;
}

/** Why the name of an operator, collation or operator class may not be used. */
export function supportProblem(names: readonly string[]): string | undefined {
  const [first = ""] = names;
  if (names.length > 2) return `The name "${names.join(".")}" has too many dots`;
  return names.length === 2 && !TYPE_SCHEMAS.has(first) ? schemaProblem(first) : undefined;
}

/** Why an object may not be made or changed under this name. */
export function ownProblem(schema: string | undefined, name: string): string | undefined {
  if (schema !== undefined) return schema === OWN_SCHEMA ? undefined : schemaProblem(schema);
  return name.startsWith("pg_") ? `The system catalog "${name}" cannot be changed` : undefined;
}

/** What reading a relation means: allowed, a catalog (not for end users), or a problem. */
export function readProblem(
  schema: string | undefined,
  name: string,
): { readonly catalog: boolean } | string {
  if (schema === "pg_catalog" || (schema === undefined && name.startsWith("pg_"))) {
    return CATALOGS.has(name) ? { catalog: true } : `The system catalog "${name}" may not be read` +
      (schema === undefined ? `; a table of your own is "public.${name}"` : "");
  }
  if (schema === "information_schema") {
    return name.startsWith("_") ? `"information_schema.${name}" may not be read` : {
      catalog: false,
    };
  }
  if (schema === undefined || schema === OWN_SCHEMA || schema === "extensions") {
    return { catalog: false };
  }
  return schemaProblem(schema);
}

/** Refuses a schema. */
export function schemaProblem(schema: string): string {
  return `The schema "${schema}" may not be used here; a project's own is "${OWN_SCHEMA}"`;
}
