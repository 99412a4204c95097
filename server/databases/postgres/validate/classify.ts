/**
 * From a parsed text to what is kept of it: a verdict, or a refusal with its position.
 *
 * @module
 */
import { ACCESS_RULES } from "./access.ts";
import { DEFINITION_RULES } from "./definitions.ts";
import { EXPRESSION_RULES } from "./expressions.ts";
import type { Outcome, Refusal } from "./outcome.ts";
import { QUERY_RULES } from "./queries.ts";
import { TABLE_RULES } from "./tables.ts";
import { childOf, isFields, listOf } from "./tree.ts";
import { Refusing, type Remark, type Rules, Walk } from "./walk.ts";

/** Every kind of node that may stand in a statement. */
const RULES: Rules = new Map([
  ...EXPRESSION_RULES,
  ...QUERY_RULES,
  ...TABLE_RULES,
  ...DEFINITION_RULES,
  ...ACCESS_RULES,
]);

/**
 * Judges a text by its tree.
 *
 * @param text The text that was parsed; locations in the tree are byte offsets into it
 * @param tree The parser's JSON
 * @param forbiddenFunctions Builtin functions that nobody may call
 */
export function classify(
  text: string,
  tree: unknown,
  forbiddenFunctions: ReadonlySet<string>,
): Outcome {
  const statements = isFields(tree) ? listOf(tree, "stmts") : [];
  const [first, second] = statements;
  if (!isFields(first)) {
    return { code: "QUERY_SYNTAX", refusal: { message: "The text holds no statement" } };
  }
  if (isFields(second)) {
    const location = second["stmt_location"];
    return forbidden(text, {
      text: `The text holds ${statements.length} statements; send one at a time`,
      location: typeof location === "number" ? location : undefined,
    });
  }
  const child = childOf("RawStmt", "stmt", first["stmt"]);
  if (child === undefined) {
    return { code: "QUERY_SYNTAX", refusal: { message: "The text holds no statement" } };
  }
  const walk = new Walk(RULES, forbiddenFunctions);
  try {
    walk.visit(child.tag, child.fields, { parent: "RawStmt", wrapped: true });
    walk.finish();
  } catch (error) {
    if (!(error instanceof Refusing)) throw error;
    return forbidden(text, { text: error.message, location: error.location });
  }
  return {
    verdict: {
      class: walk.class,
      kind: child.tag,
      transactional: walk.transactional,
      explain: walk.explain,
    },
    ...(walk.endUsers === undefined ? {} : { endUsers: placed(text, walk.endUsers) }),
    roles: walk.roles.map((role) => {
      const { message, position } = placed(text, role);
      return { name: message, ...(position === undefined ? {} : { position }) };
    }),
  };
}

function forbidden(text: string, remark: Remark): Outcome {
  return { code: "QUERY_FORBIDDEN", refusal: placed(text, remark) };
}

function placed(text: string, { text: message, location }: Remark): Refusal {
  return location === undefined ? { message } : { message, position: positionOf(text, location) };
}

/** A byte offset in UTF-8 as a position: 1-based, in code points. */
export function positionOf(text: string, offset: number): number {
  let bytes = 0;
  let position = 1;
  for (const char of text) {
    if (bytes >= offset) break;
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    position++;
  }
  return position;
}
