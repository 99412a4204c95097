/**
 * The built-in functions that no tenant may execute, for whoever reads statements before the
 * database does.
 *
 * @module
 */
import type { Admin } from "../admin.ts";
import forbiddenFunctionsSql from "./forbidden_functions.sql" with { type: "text" };

/**
 * Names in `pg_catalog` of which PUBLIC may execute no overload in a project's database, by the rule
 * that the template itself is made by. A name with an overload that stays allowed (`ts_rewrite`)
 * is left to the database's own wall.
 */
export async function forbiddenFunctions(admin: Admin): Promise<ReadonlySet<string>> {
  const rows = await admin.unsafe<{ proname: string }[]>(
    `WITH forbidden AS (${forbiddenFunctionsSql})
     SELECT p.proname FROM pg_catalog.pg_proc AS p
     WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
     GROUP BY p.proname
     HAVING pg_catalog.bool_and(p.oid IN (SELECT f.oid FROM forbidden AS f))`,
  );
  return new Set(rows.map((row) => row.proname));
}
