/**
 * Rules for making and changing tables, indexes and sequences, and for their upkeep.
 *
 * @module
 */
import { checkOwn, checkSupport } from "./expressions.ts";
import { checkStorage, checkTableMethod, checkTableOptions } from "./storage.ts";
import { type Fields, isOn, itemsOf, listOf, nodeOf, optionsOf, textOf } from "./tree.ts";
import { type NodeRule, type Rules, tagged, type Walk } from "./walk.ts";

/** Parts of definitions whose own rules say it all. */
const PARTS = `
  ATAlterConstraint DefElem PartitionBoundSpec PartitionCmd PartitionRangeDatum PartitionSpec
  StatsElem TableLikeClause VacuumRelation
`;

/** What ALTER TABLE and its kin may work on. */
const ALTERED: ReadonlySet<string> = new Set(
  `OBJECT_TABLE OBJECT_INDEX OBJECT_VIEW OBJECT_MATVIEW OBJECT_SEQUENCE OBJECT_TYPE`.split(" "),
);

/**
 * What ALTER TABLE may do. Not: owners, tablespaces, access methods, rules, replica identity (the
 * change log depends on it), triggers' firing and the end of row security.
 */
const ALTERATIONS: ReadonlySet<string> = new Set(
  `AddColumn AddConstraint AddIdentity AddInherit AddOf AlterColumnType AlterConstraint
  AttachPartition ColumnDefault DetachPartition DetachPartitionFinalize DropColumn DropConstraint
  DropExpression DropIdentity DropInherit DropNotNull DropOf EnableRowSecurity ForceRowSecurity
  ResetOptions ResetRelOptions SetCompression SetExpression SetIdentity SetLogged SetNotNull
  SetOptions SetRelOptions SetStatistics SetStorage SetUnLogged ValidateConstraint`
    .split(/\s+/).map((name) => `AT_${name}`),
);

/** Options of sequences; the undocumented ones name the sequence behind an identity column. */
const SEQUENCE_OPTIONS: ReadonlySet<string> = new Set(
  "as cache cycle increment maxvalue minvalue owned_by restart start".split(" "),
);

/** Rules by kind of node. */
export const TABLE_RULES: Rules = new Map<string, NodeRule>([
  ...tagged(PARTS, "plain"),
  ["CreateStmt", (node, walk) => {
    walk.needs("ddl");
    checkStorage(node, walk);
    checkTableMethod(node, walk);
    checkTableOptions(listOf(node, "options"), walk);
  }],
  ["ColumnDef", (node, walk) => {
    if (node["fdwoptions"] !== undefined) walk.refuse("OPTIONS of a column are not allowed");
  }],
  ["Constraint", (node, walk) => {
    checkStorage(node, walk);
    if (textOf(node, "contype") === "CONSTR_IDENTITY") checkSequence(node, walk);
    for (const item of listOf(node, "exclusions")) {
      // Pairs of an element and its operator.
      checkSupport(itemsOf(itemsOf(item)[1]), walk);
    }
  }],
  ["IndexStmt", (node, walk) => {
    walk.needs("ddl");
    checkStorage(node, walk);
    if (node["concurrent"] === true) walk.transactional = false;
  }],
  ["AlterTableStmt", (node, walk) => {
    walk.needs("ddl");
    const kind = textOf(node, "objtype") ?? "";
    if (!ALTERED.has(kind)) walk.refuse(`ALTER of ${words(kind)} is not allowed`);
  }],
  ["AlterTableCmd", checkAlteration],
  ["TruncateStmt", (_node, walk) => walk.needs("ddl")],
  ["CreateSeqStmt", checkSequence],
  ["AlterSeqStmt", checkSequence],
  ["CreateStatsStmt", checkStatistics],
  ["AlterStatsStmt", checkStatistics],
  ["VacuumStmt", checkVacuum],
  ["ReindexStmt", checkReindex],
]);

function checkAlteration(node: Fields, walk: Walk): void {
  const kind = textOf(node, "subtype") ?? "";
  if (!ALTERATIONS.has(kind)) walk.refuse(`ALTER TABLE … ${words(kind)} is not allowed`);
  const definition = node["def"];
  const options = itemsOf(definition);
  if (kind.endsWith("RelOptions") || kind.endsWith("tOptions")) {
    checkTableOptions(options, walk, kind.startsWith("AT_Reset") ? "reset" : "set");
  }
  if (nodeOf(definition, "PartitionCmd")?.["concurrent"] === true) walk.transactional = false;
}

function checkSequence(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  for (const { name } of optionsOf(node, "options")) {
    if (!SEQUENCE_OPTIONS.has(name)) {
      walk.refuse(`The option "${name}" of a sequence is not allowed`);
    }
  }
}

function checkStatistics(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  if (listOf(node, "defnames").length > 0) checkOwn(listOf(node, "defnames"), walk);
  for (const item of listOf(node, "relations")) {
    if (nodeOf(item, "RangeVar") === undefined) walk.refuse("Statistics are of one table");
  }
}

/** ANALYZE and plain VACUUM: the other options rewrite the table or steer the server. */
function checkVacuum(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  const vacuum = node["is_vacuumcmd"] === true;
  if (vacuum) walk.transactional = false;
  for (const { name } of optionsOf(node, "options")) {
    if (name !== "analyze" && name !== "verbose") {
      const command = vacuum ? "VACUUM" : "ANALYZE";
      walk.refuse(`The option "${name}" of ${command} is not allowed`);
    }
  }
}

function checkReindex(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  const kind = textOf(node, "kind") ?? "";
  if (kind !== "REINDEX_OBJECT_INDEX" && kind !== "REINDEX_OBJECT_TABLE") {
    walk.refuse(`REINDEX of ${words(kind)} is not allowed; name a table or an index`);
  }
  for (const { name, fields } of optionsOf(node, "params")) {
    if (name === "concurrently" && isOn(fields)) walk.transactional = false;
    else if (name !== "concurrently" && name !== "verbose") {
      walk.refuse(`The option "${name}" of REINDEX is not allowed`);
    }
  }
}

/** `OBJECT_FOREIGN_TABLE` as `foreign table`, `AT_ChangeOwner` as `change owner`. */
export function words(constant: string): string {
  return constant.replace(/^(AT|OBJECT|REINDEX_OBJECT)_/, "")
    .replace(/(?<=[a-z])(?=[A-Z])/g, "_").replaceAll("_", " ").toLowerCase();
}
