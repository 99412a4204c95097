/**
 * Rules for what stands inside statements: tables, functions, types, operators.
 *
 * @module
 */
import { SERVICE_FUNCTIONS, WRITING_FUNCTIONS } from "./functions.ts";
import {
  FUNCTION_SCHEMAS,
  ownProblem,
  readProblem,
  schemaProblem,
  supportProblem,
  typeProblem,
} from "./names.ts";
import { type Fields, itemsOf, listOf, namesOf, nodeOf, textOf } from "./tree.ts";
import { type NodeRule, type Place, type Rules, tagged, type Walk } from "./walk.ts";

/** Statements and clauses whose tables are read; a table anywhere else is made or changed. */
const READING_PARENTS: ReadonlySet<string> = new Set([
  "SelectStmt",
  "JoinExpr",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
  "RangeTableSample",
  "LockingClause",
]);

/** Kinds of node that need no look of their own. */
const PLAIN = `
  A_ArrayExpr A_Indices A_Indirection Alias BooleanTest BoolExpr CTECycleClause CTESearchClause
  CaseExpr CaseWhen CoalesceExpr ColumnRef CommonTableExpr GroupingFunc GroupingSet InferClause
  JoinExpr JsonAggConstructor JsonArgument JsonArrayAgg JsonArrayConstructor
  JsonArrayQueryConstructor JsonBehavior JsonFormat JsonFuncExpr JsonIsPredicate JsonKeyValue
  JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning JsonScalarExpr
  JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec JsonValueExpr List MergeSupportFunc
  MergeWhenClause MinMaxExpr MultiAssignRef NamedArgExpr NullTest OnConflictClause RangeFunction
  RangeSubselect ResTarget ReturningClause ReturningOption RowExpr TypeCast WindowDef WithClause
`;

/** Kinds of node with nothing below that matters. */
const LEAVES = `
  A_Const BitString Boolean Float Integer ParamRef SQLValueFunction SetToDefault String
`;

/** Rules by kind of node. */
export const EXPRESSION_RULES: Rules = new Map<string, NodeRule>([
  ...tagged(PLAIN, "plain"),
  ...tagged(LEAVES, "leaf"),
  ["RangeVar", checkRelation],
  ["FuncCall", (node, walk) => checkFunction(listOf(node, "funcname"), walk)],
  ["RangeTableSample", (node, walk) => checkFunction(listOf(node, "method"), walk)],
  ["TypeName", checkType],
  ["A_Star", (_node, walk) => walk.star()],
  ["A_Expr", (node, walk) => checkSupport(listOf(node, "name"), walk)],
  ["SubLink", (node, walk) => checkSupport(listOf(node, "operName"), walk)],
  ["SortBy", (node, walk) => checkSupport(listOf(node, "useOp"), walk)],
  ["CollateClause", (node, walk) => checkSupport(listOf(node, "collname"), walk)],
  ["IndexElem", checkElement],
  ["PartitionElem", checkElement],
  ["LockingClause", (_node, walk) => walk.needs("write")],
]);

/** A table, by whether it is read or changed where it stands. */
function checkRelation(node: Fields, walk: Walk, place: Place): void {
  const name = textOf(node, "relname") ?? "";
  const schema = textOf(node, "schemaname");
  if (node["catalogname"] !== undefined) {
    walk.refuse(`The name "${textOf(node, "catalogname")}.${schema}.${name}" names a database`);
  }
  if (textOf(node, "relpersistence") === "t") walk.refuse("Temporary tables are not allowed");
  if (!place.wrapped || !READING_PARENTS.has(place.parent)) {
    walk.refuseIf(ownProblem(schema, name));
    return;
  }
  const reading = readProblem(schema, name);
  if (typeof reading === "string") walk.refuse(reading);
  if (reading.catalog) walk.notForEndUsers(`The system catalog "${name}" is closed to end users`);
}

/** A function that is called, or that a definition names to be called. */
export function checkFunction(list: readonly unknown[], walk: Walk): void {
  const names = namesOf(list) ?? [];
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? names[0] : undefined;
  if (names.length === 0 || names.length > 2) {
    walk.refuse(`The function name "${names.join(".")}" is not allowed`);
  }
  if (schema !== undefined && !FUNCTION_SCHEMAS.has(schema)) walk.refuse(schemaProblem(schema));
  if (schema !== undefined && walk.forbiddenFunctions.has(`${schema}.${name}`)) {
    walk.refuse(`The function "${schema}.${name}" may not be called`);
  }
  if (schema !== undefined && schema !== "pg_catalog") return;
  if (walk.forbiddenFunctions.has(name)) {
    walk.refuse(`The function "${name}" may not be called`);
  }
  // `regrole('x')` is a cast.
  walk.refuseIf(typeProblem([name]));
  if (WRITING_FUNCTIONS.has(name)) walk.needs("write");
  if (SERVICE_FUNCTIONS.has(name)) {
    walk.notForEndUsers(`The function "${name}" is closed to end users`);
  }
}

function checkType(node: Fields, walk: Walk): void {
  const names = namesOf(listOf(node, "names")) ?? [];
  if (node["pct_type"] !== true) {
    walk.refuseIf(typeProblem(names));
    return;
  }
  // `table.column%TYPE`, where the table may carry its schema.
  const [column, table = "", schema, ...more] = names.toReversed();
  if (column === undefined || more.length > 0) {
    walk.refuse(`The type "${names.join(".")}%TYPE" has too many dots`);
  }
  walk.refuseIf(ownProblem(schema, table));
}

/** The name of an operator, collation or operator class. */
export function checkSupport(list: readonly unknown[], walk: Walk): void {
  walk.refuseIf(supportProblem(namesOf(list) ?? []));
}

function checkElement(node: Fields, walk: Walk): void {
  checkSupport(listOf(node, "collation"), walk);
  checkSupport(listOf(node, "opclass"), walk);
}

/** The name of an object that a statement makes, changes or drops. */
export function checkOwn(list: readonly unknown[], walk: Walk): void {
  const names = namesOf(list);
  const name = names?.at(-1);
  if (names === undefined || name === undefined || names.length > 2) {
    walk.refuse(`The name "${names?.join(".") ?? ""}" is not allowed here`);
  }
  walk.refuseIf(ownProblem(names.length > 1 ? names[0] : undefined, name));
}

/** The name of something that belongs to a table: `[schema.]table.name`. */
export function checkOwnPart(list: readonly unknown[], walk: Walk): void {
  checkOwn(list.slice(0, -1), walk);
}

/** The name inside an `ObjectWithArgs`, a `TypeName`, a list or a single string. */
export function checkObject(object: unknown, walk: Walk): void {
  const routine = nodeOf(object, "ObjectWithArgs");
  if (routine !== undefined) return checkOwn(listOf(routine, "objname"), walk);
  const type = nodeOf(object, "TypeName");
  if (type !== undefined) return checkOwn(listOf(type, "names"), walk);
  checkOwn(nodeOf(object, "List") === undefined ? [object] : itemsOf(object), walk);
}
