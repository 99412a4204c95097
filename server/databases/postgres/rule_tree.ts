/**
 * Which columns of a view are nothing but columns of a table, and never NULL if those are not.
 * PostgreSQL marks every view column nullable; the truth stands in the view's rule, which
 * `pg_rewrite.ev_action` shows as PostgreSQL's own tree of the query (`nodes/outfuncs.c`):
 * `{NAME :field value …}`, lists in parentheses, a backslash before every character of a name that
 * would mean something here.
 *
 * A column counts as traced only where the tree proves it: a variable, not in a set operation or
 * grouping set, on the inner side of every join (`varnullingrels`), of a table, a view or a
 * subquery. All else is left unknown.
 *
 * @module
 */

/** A column of a relation by the ids of `pg_attribute`. */
export interface ColumnOrigin {
  readonly relation: number;
  readonly column: number;
}

/** The origins of a view's columns by their number, for those that have a proven one. */
export function viewColumnOrigins(rule: string): ReadonlyMap<number, ColumnOrigin> {
  const [node] = items(rule);
  if (node === undefined) return new Map();
  const query = fields(node);
  return new Map(
    targets(query).flatMap(({ number, expression }): [number, ColumnOrigin][] => {
      const origin = trace(query, expression);
      return origin === undefined ? [] : [[number, origin]];
    }),
  );
}

type Fields = ReadonlyMap<string, string>;

/** `RTEKind` of `nodes/parsenodes.h`. */
const RELATION = "0";
const SUBQUERY = "1";
const GROUP = "9";

function targets(query: Fields): { number: number; expression: string }[] {
  return items(query.get("targetList") ?? "").map((entry) => {
    const target = fields(entry);
    return { number: Number(target.get("resno")), expression: target.get("expr") ?? "" };
  });
}

function trace(query: Fields, expression: string): ColumnOrigin | undefined {
  // PostgreSQL 18 marks variables that grouping sets may null; 16 and 17 do not.
  if (query.get("setOperations") !== "<>" || query.get("groupingSets") !== "<>") return undefined;
  if (!expression.startsWith("{VAR ")) return undefined;
  const variable = fields(expression);
  if (variable.get("varnullingrels") !== "(b)" || variable.get("varlevelsup") !== "0") {
    return undefined;
  }
  const column = Number(variable.get("varattno"));
  const source = items(query.get("rtable") ?? "")[Number(variable.get("varno")) - 1];
  if (source === undefined || !(column > 0)) return undefined;
  const entry = fields(source);
  switch (entry.get("rtekind")) {
    case RELATION:
      return { relation: Number(entry.get("relid")), column };
    case GROUP: // From PostgreSQL 18 on what GROUP BY names is a source of its own.
      return trace(query, items(entry.get("groupexprs") ?? "")[column - 1] ?? "");
    case SUBQUERY: {
      const subquery = fields(entry.get("subquery") ?? "");
      const target = targets(subquery).find(({ number }) => number === column);
      return target === undefined ? undefined : trace(subquery, target.expression);
    }
    default:
      return undefined;
  }
}

/** The fields of a node `{NAME :field value …}` by name, each value as its text. */
function fields(node: string): Fields {
  const found = new Map<string, string>();
  let name: string | undefined;
  let start = 0;
  let depth = 0;
  for (let at = 0; at < node.length; at++) {
    const character = node[at];
    if (character === "\\") at++;
    else if (character === "{" || character === "(") depth++;
    else if (character === "}" || character === ")") depth--;
    if (depth === 0 || (depth === 1 && character === " " && node[at + 1] === ":")) {
      if (name !== undefined) found.set(name, node.slice(start, at));
      if (depth === 0) return found;
      const end = node.indexOf(" ", at + 1);
      name = node.slice(at + 2, end);
      start = end + 1;
    }
  }
  return found;
}

/** The nodes of a list `({…} {…})`. */
function items(list: string): string[] {
  const found: string[] = [];
  let start = 0;
  let depth = 0;
  for (let at = 0; at < list.length; at++) {
    const character = list[at];
    if (character === "\\") at++;
    else if (character === "{" || character === "(") {
      depth++;
      if (depth === 2) start = at;
    } else if (character === "}" || character === ")") {
      if (depth === 2) found.push(list.slice(start, at + 1));
      depth--;
    }
  }
  return found;
}
