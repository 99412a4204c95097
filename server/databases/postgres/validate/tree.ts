/**
 * Reading the parser's tree, which comes as JSON: a node is `{ Tag: fields }`, except where the
 * field can hold one kind of node only, and then it is the bare fields. `null` in a list is `{}`.
 *
 * @module
 */

/** The fields of a node. */
export interface Fields {
  readonly [name: string]: unknown;
}

/** Kinds of node that stand bare in these fields (from PostgreSQL's own node definitions). */
const BARE: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    Alias: `RangeVar.alias JoinExpr.join_using_alias JoinExpr.alias RangeSubselect.alias
      RangeFunction.alias JsonTable.alias`,
    CTECycleClause: "CommonTableExpr.cycle_clause",
    CTESearchClause: "CommonTableExpr.search_clause",
    CollateClause: "ColumnDef.collClause CreateDomainStmt.collClause",
    InferClause: "OnConflictClause.infer",
    IntoClause: "SelectStmt.intoClause CreateTableAsStmt.into",
    JsonAggConstructor: "JsonObjectAgg.constructor JsonArrayAgg.constructor",
    JsonBehavior: `JsonFuncExpr.on_empty JsonFuncExpr.on_error JsonTable.on_error
      JsonTableColumn.on_empty JsonTableColumn.on_error`,
    JsonFormat: `JsonReturning.format JsonValueExpr.format JsonIsPredicate.format
      JsonTableColumn.format JsonArrayQueryConstructor.format`,
    JsonKeyValue: "JsonObjectAgg.arg",
    JsonOutput: `JsonFuncExpr.output JsonParseExpr.output JsonScalarExpr.output
      JsonSerializeExpr.output JsonObjectConstructor.output JsonArrayConstructor.output
      JsonArrayQueryConstructor.output JsonAggConstructor.output`,
    JsonReturning: "JsonOutput.returning",
    JsonTablePathSpec: "JsonTable.pathspec JsonTableColumn.pathspec",
    JsonValueExpr: `JsonArgument.val JsonFuncExpr.context_item JsonTable.context_item
      JsonKeyValue.value JsonParseExpr.expr JsonSerializeExpr.expr JsonArrayAgg.arg`,
    ObjectWithArgs: "AlterFunctionStmt.func",
    OnConflictClause: "InsertStmt.onConflictClause",
    PartitionBoundSpec: "PartitionCmd.bound CreateStmt.partbound",
    PartitionSpec: "CreateStmt.partspec",
    RangeVar: `IntoClause.rel TableLikeClause.relation PartitionCmd.name InsertStmt.relation
      DeleteStmt.relation UpdateStmt.relation MergeStmt.relation AlterTableStmt.relation
      CreateStmt.relation Constraint.pktable CreatePolicyStmt.table AlterPolicyStmt.table
      CreateTrigStmt.relation CreateTrigStmt.constrrel CreateSeqStmt.sequence AlterSeqStmt.sequence
      IndexStmt.relation RenameStmt.relation CompositeTypeStmt.typevar ViewStmt.view
      VacuumRelation.relation RefreshMatViewStmt.relation ReindexStmt.relation`,
    ReturningClause: `InsertStmt.returningClause DeleteStmt.returningClause
      UpdateStmt.returningClause MergeStmt.returningClause`,
    RoleSpec: "GrantStmt.grantor",
    SelectStmt: "SelectStmt.larg SelectStmt.rarg",
    TypeName: `TypeCast.typeName ColumnDef.typeName JsonOutput.typeName JsonTableColumn.typeName
      CreateStmt.ofTypename CreateDomainStmt.typeName CreateFunctionStmt.returnType
      FunctionParameter.argType`,
    WindowDef: "FuncCall.over JsonAggConstructor.over",
    WithClause: `InsertStmt.withClause DeleteStmt.withClause UpdateStmt.withClause
      MergeStmt.withClause SelectStmt.withClause`,
  }).flatMap(([tag, places]) => places.split(/\s+/).map((place) => [place, tag])),
);

/** A child of a node: its kind and fields, and whether it was wrapped. */
export interface Child {
  readonly tag: string;
  readonly fields: Fields;
  readonly wrapped: boolean;
}

/** The node that a field or list element holds; undefined for null, text, numbers and flags. */
export function childOf(parent: string, field: string, value: unknown): Child | undefined {
  if (!isFields(value)) return undefined;
  const [first, second] = Object.keys(value);
  if (first === undefined) return undefined;
  // Tags begin with a capital, fields never do.
  if (second === undefined && /^[A-Z]/.test(first)) {
    const fields = value[first];
    if (isFields(fields)) return { tag: first, fields, wrapped: true };
  }
  // A bare node of a kind not listed gets its place as its name, which no rule knows.
  return { tag: BARE[`${parent}.${field}`] ?? `${parent}.${field}`, fields: value, wrapped: false };
}

/** Whether a value of the tree is an object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text field; absent where the tree leaves the default out. */
export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === "string" ? value : undefined;
}

/** A list field; empty where absent. */
export function listOf(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  return Array.isArray(value) ? value : [];
}

/** The fields of a wrapped node of this kind. */
export function nodeOf(value: unknown, tag: string): Fields | undefined {
  if (!isFields(value)) return undefined;
  const fields = value[tag];
  return isFields(fields) ? fields : undefined;
}

/** The items of a `List` node; empty for anything else. */
export function itemsOf(value: unknown): readonly unknown[] {
  const list = nodeOf(value, "List");
  return list === undefined ? [] : listOf(list, "items");
}

/** The text of a `String` node. */
export function stringNode(value: unknown): string | undefined {
  const fields = nodeOf(value, "String");
  return fields === undefined ? undefined : textOf(fields, "sval") ?? "";
}

/** A dotted name as its parts; undefined where a part is no plain name. */
export function namesOf(list: readonly unknown[]): readonly string[] | undefined {
  const names: string[] = [];
  for (const item of list) {
    const name = stringNode(item);
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names;
}

/** The options of a list, each a `DefElem`: its name and fields. */
export function optionsOf(
  fields: Fields,
  name: string,
): readonly { readonly name: string; readonly fields: Fields }[] {
  return listOf(fields, name).flatMap((item) => {
    const option = nodeOf(item, "DefElem");
    return option === undefined ? [] : [{ name: textOf(option, "defname") ?? "", fields: option }];
  });
}

/** An option's boolean, as PostgreSQL reads it (`defGetBoolean`). Anything odd is false. */
export function isOn(option: Fields): boolean {
  const argument = option["arg"];
  if (argument === undefined) return true;
  const flag = nodeOf(argument, "Boolean");
  if (flag !== undefined) return flag["boolval"] === true;
  const number = nodeOf(argument, "Integer");
  if (number !== undefined) return number["ival"] === 1;
  const text = stringNode(argument)?.toLowerCase();
  return text === "true" || text === "on" || text === "yes" || text === "1";
}
