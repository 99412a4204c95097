/**
 * Rules for types, functions, aggregates and triggers, and for dropping, renaming and commenting.
 *
 * @module
 */
import { checkFunction, checkObject, checkOwn, checkOwnPart } from "./expressions.ts";
import { words } from "./tables.ts";
import {
  type Fields,
  isFields,
  isOn,
  itemsOf,
  listOf,
  namesOf,
  nodeOf,
  optionsOf,
  stringNode,
  textOf,
} from "./tree.ts";
import { type NodeRule, type Rule, type Rules, tagged, type Walk } from "./walk.ts";

/** Languages that run as whoever calls, with no reach beyond the database. */
const LANGUAGES: ReadonlySet<string> = new Set(["sql", "plpgsql"]);

/** More parameters than PostgreSQL takes (100): their names are compared pair by pair before. */
const MAX_PARAMETERS = 200;

/** Kinds of object that DROP, RENAME and COMMENT take, by how their names are written. */
const NAMED = new Set(
  `AGGREGATE DOMAIN FUNCTION INDEX MATVIEW PROCEDURE ROUTINE SEQUENCE STATISTIC_EXT TABLE TYPE VIEW`
    .split(" ").map((kind) => `OBJECT_${kind}`),
);
const NAMED_IN_TABLE = new Set(
  "COLUMN POLICY TABCONSTRAINT TRIGGER".split(" ").map((kind) => `OBJECT_${kind}`),
);
/** These carry their table or type in a field of their own. */
const RENAMED_INSIDE = new Set(
  "ATTRIBUTE COLUMN DOMCONSTRAINT POLICY TABCONSTRAINT TRIGGER".split(" ")
    .map((kind) => `OBJECT_${kind}`),
);

/** What an aggregate may be made of. `internal` states need a superuser in any case. */
const AGGREGATE_FUNCTIONS = new Set(
  "combinefunc deserialfunc finalfunc mfinalfunc minvfunc msfunc serialfunc sfunc".split(" "),
);
const AGGREGATE_OPTIONS = new Set(
  `basetype finalfunc_extra finalfunc_modify hypothetical initcond mfinalfunc_extra mfinalfunc_modify
  minitcond msspace mstype parallel sortop sspace stype`.split(/\s+/),
);

/** Rules by kind of node. */
export const DEFINITION_RULES: Rules = new Map<string, NodeRule>([
  ...tagged("FunctionParameter ObjectWithArgs TriggerTransition", "plain"),
  ["CreateFunctionStmt", (node, walk) => {
    walk.needs("ddl");
    checkOwn(listOf(node, "funcname"), walk);
    if (listOf(node, "parameters").length > MAX_PARAMETERS) {
      walk.refuse(`A function with more than ${MAX_PARAMETERS} parameters is not allowed`);
    }
    checkRoutineOptions(listOf(node, "options"), walk);
  }],
  ["AlterFunctionStmt", (node, walk) => {
    walk.needs("ddl");
    const routine = node["func"];
    if (isFields(routine)) checkOwn(listOf(routine, "objname"), walk);
    checkRoutineOptions(listOf(node, "actions"), walk);
  }],
  ["DefineStmt", checkAggregate],
  ["CreateTrigStmt", (node, walk) => {
    walk.needs("ddl");
    checkFunction(listOf(node, "funcname"), walk);
  }],
  ["CompositeTypeStmt", (_node, walk) => walk.needs("ddl")],
  ["CreateEnumStmt", checkTypeNamed("typeName")],
  ["AlterEnumStmt", checkTypeNamed("typeName")],
  ["CreateRangeStmt", checkRange],
  ["CreateDomainStmt", checkTypeNamed("domainname")],
  ["AlterDomainStmt", checkTypeNamed("typeName")],
  ["DropStmt", checkDrop],
  ["RenameStmt", checkRename],
  ["CommentStmt", checkComment],
]);

/**
 * Bodies of the form `BEGIN ATOMIC` are nodes and were looked at; bodies in a string are not and
 * cannot be, least of all what PL/pgSQL puts together when it runs. There the database is the wall:
 * they run with the rights of whoever calls.
 */
function checkRoutineOptions(list: readonly unknown[], walk: Walk): void {
  for (const item of list) {
    const option = nodeOf(item, "DefElem") ?? {};
    const name = textOf(option, "defname") ?? "";
    switch (name) {
      case "as":
      case "cost":
      case "parallel":
      case "rows":
      case "strict":
      case "volatility":
        break;
      case "language": {
        const language = stringNode(option["arg"]) ?? "";
        if (!LANGUAGES.has(language)) walk.refuse(`The language "${language}" is not allowed`);
        break;
      }
      case "security":
        if (isOn(option)) walk.refuse("SECURITY DEFINER is not allowed");
        break;
      case "leakproof":
        if (isOn(option)) walk.refuse("LEAKPROOF is not allowed");
        break;
      default:
        walk.refuse(`The option ${name.toUpperCase()} of a function is not allowed`);
    }
  }
}

function checkAggregate(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  const kind = textOf(node, "kind") ?? "";
  if (kind !== "OBJECT_AGGREGATE") walk.refuse(`CREATE of ${words(kind)} is not allowed`);
  checkOwn(listOf(node, "defnames"), walk);
  for (const { name, fields } of optionsOf(node, "definition")) {
    if (AGGREGATE_FUNCTIONS.has(name)) checkFunction(nameIn(fields["arg"]), walk);
    else if (!AGGREGATE_OPTIONS.has(name)) {
      walk.refuse(`The option "${name}" of an aggregate is not allowed`);
    }
  }
}

/**
 * ANALYZE calls a range type's `subtype_diff`, also in a worker of autovacuum, which one that never
 * ends would hold for ever: so it is to be one of PostgreSQL's own, by its full name.
 */
function checkRange(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  checkOwn(listOf(node, "typeName"), walk);
  for (const { name, fields } of optionsOf(node, "params")) {
    if (name === "subtype_diff") {
      const names = namesOf(nameIn(fields["arg"])) ?? [];
      if (names.length !== 2 || names[0] !== "pg_catalog") {
        walk.refuse('The option "subtype_diff" takes functions of "pg_catalog" by that name only');
      }
      checkFunction(nameIn(fields["arg"]), walk);
    } else if (!/^(subtype|subtype_opclass|collation|multirange_type_name)$/.test(name)) {
      walk.refuse(`The option "${name}" of a range type is not allowed`);
    }
  }
}

/** The dotted name that an option's value is; a bare name comes as a type. */
function nameIn(argument: unknown): readonly unknown[] {
  const type = nodeOf(argument, "TypeName");
  if (type !== undefined) return listOf(type, "names");
  return nodeOf(argument, "List") === undefined ? [argument] : itemsOf(argument);
}

function checkTypeNamed(field: string): Rule {
  return (node, walk) => {
    walk.needs("ddl");
    checkOwn(listOf(node, field), walk);
  };
}

function checkDrop(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  if (node["concurrent"] === true) walk.transactional = false;
  const kind = textOf(node, "removeType") ?? "";
  for (const object of listOf(node, "objects")) checkKind("DROP", kind, object, walk);
}

function checkComment(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  const kind = textOf(node, "objtype") ?? "";
  if (kind === "OBJECT_DOMCONSTRAINT") {
    // The domain and the constraint's name.
    checkObject(itemsOf(node["object"])[0], walk);
    return;
  }
  checkKind("COMMENT", kind, node["object"], walk);
}

function checkKind(command: string, kind: string, object: unknown, walk: Walk): void {
  if (NAMED.has(kind)) checkObject(object, walk);
  else if (NAMED_IN_TABLE.has(kind)) {
    checkOwnPart(itemsOf(object), walk);
  } else walk.refuse(`${command} of ${words(kind)} is not allowed`);
}

function checkRename(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  const kind = textOf(node, "renameType") ?? "";
  if (!NAMED.has(kind) && !RENAMED_INSIDE.has(kind)) {
    walk.refuse(`RENAME of ${words(kind)} is not allowed`);
  }
  // A table, or the table of what is renamed, is a node that the walk looks at itself.
  if (node["relation"] === undefined) checkObject(node["object"], walk);
}
