/**
 * How a table or index may be kept: never in another tablespace or access method, and with options
 * that concern the project's own data only.
 *
 * @module
 */
import { type Fields, isOn, nodeOf, textOf } from "./tree.ts";
import type { Walk } from "./walk.ts";

/** Storage parameters of tables, views, columns and (through ALTER TABLE) indexes. */
const TABLE_OPTIONS: ReadonlySet<string> = new Set(
  `autosummarize buffering check_option deduplicate_items fastupdate fillfactor
  gin_pending_list_limit n_distinct n_distinct_inherited pages_per_range parallel_workers
  security_barrier security_invoker toast_tuple_target vacuum_index_cleanup
  vacuum_max_eager_freeze_failure_rate vacuum_truncate`.split(/\s+/),
);

/** Refuses a tablespace or a foreign way of storage of a definition. */
export function checkStorage(node: Fields, walk: Walk): void {
  for (const field of ["tablespacename", "tableSpaceName", "tableSpace", "indexspace"]) {
    if (node[field] !== undefined) walk.refuse("TABLESPACE is not allowed");
  }
}

/** Refuses an access method of tables other than PostgreSQL's own. */
export function checkTableMethod(node: Fields, walk: Walk): void {
  const method = textOf(node, "accessMethod");
  if (method !== undefined && method !== "heap") {
    walk.refuse(`The table access method "${method}" is not allowed`);
  }
}

/** Looks at `WITH (…)`, `SET (…)` and `RESET (…)`. */
export function checkTableOptions(
  list: readonly unknown[],
  walk: Walk,
  way: "set" | "reset" = "set",
): void {
  for (const item of list) {
    const option = nodeOf(item, "DefElem");
    const name = option === undefined ? "" : textOf(option, "defname") ?? "";
    if (!TABLE_OPTIONS.has(name) && !name.startsWith("autovacuum_")) {
      walk.refuse(`The option "${name}" is not allowed`);
    }
    // A view that runs as its owner shows end users what row security hides from them.
    if (name === "security_invoker" && (way === "reset" || option === undefined || !isOn(option))) {
      walk.refuse('The option "security_invoker" cannot be switched off');
    }
  }
}
