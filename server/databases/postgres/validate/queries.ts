/**
 * Rules for statements that read and change rows, and for those that keep a query.
 *
 * @module
 */
import { checkStorage, checkTableOptions } from "./storage.ts";
import { type Fields, listOf, optionsOf } from "./tree.ts";
import { type NodeRule, type Rules, tagged, type Walk } from "./walk.ts";

/** Options of EXPLAIN. None of them shows more than the statement's own plan and settings. */
const EXPLAIN_OPTIONS: ReadonlySet<string> = new Set(
  `analyze buffers costs format generic_plan memory serialize settings summary timing verbose wal`
    .split(" "),
);

/** Rules by kind of node. */
export const QUERY_RULES: Rules = new Map<string, NodeRule>([
  // The body of an SQL function: RETURN expression.
  ["ReturnStmt", "plain"],
  ["SelectStmt", "plain"],
  ...tagged("InsertStmt UpdateStmt DeleteStmt MergeStmt", (_node: Fields, walk: Walk) => {
    walk.needs("write");
  }),
  // SELECT INTO is CREATE TABLE AS.
  ["IntoClause", (node, walk) => {
    walk.needs("ddl");
    checkStorage(node, walk);
    checkTableOptions(listOf(node, "options"), walk);
  }],
  ["CreateTableAsStmt", (_node, walk) => walk.needs("ddl")],
  ["ViewStmt", (node, walk) => {
    walk.needs("ddl");
    checkTableOptions(listOf(node, "options"), walk);
  }],
  // Its CONCURRENTLY, unlike the others, runs in a transaction.
  ["RefreshMatViewStmt", (_node, walk) => walk.needs("ddl")],
  ["ExplainStmt", checkExplain],
]);

/** The class is the inner statement's: EXPLAIN ANALYZE runs it. */
function checkExplain(node: Fields, walk: Walk): void {
  walk.explain = true;
  walk.notForEndUsers("EXPLAIN is closed to end users: it counts rows that they may not see");
  for (const { name } of optionsOf(node, "options")) {
    if (!EXPLAIN_OPTIONS.has(name)) walk.refuse(`The option "${name}" of EXPLAIN is not allowed`);
  }
}
