/**
 * Rules for GRANT, REVOKE and policies: on the project's own objects, to the project's own roles.
 *
 * @module
 */
import { checkObject } from "./expressions.ts";
import { LOGIN_NAME, OWN_SCHEMA, schemaProblem } from "./names.ts";
import { words } from "./tables.ts";
import { type Fields, listOf, nodeOf, stringNode, textOf } from "./tree.ts";
import { type NodeRule, type Rules, tagged, type Walk } from "./walk.ts";

/** What rights can be given on. */
const GRANTED: ReadonlySet<string> = new Set(
  "DOMAIN FUNCTION PROCEDURE ROUTINE SEQUENCE TABLE TYPE".split(" ").map((kind) =>
    `OBJECT_${kind}`
  ),
);

/** Rules by kind of node. */
export const ACCESS_RULES: Rules = new Map<string, NodeRule>([
  ...tagged("AccessPriv", "plain"),
  ["GrantStmt", checkGrant],
  ["CreatePolicyStmt", (_node, walk) => walk.needs("ddl")],
  ["AlterPolicyStmt", (_node, walk) => walk.needs("ddl")],
  ["RoleSpec", checkRole],
]);

function checkGrant(node: Fields, walk: Walk): void {
  walk.needs("ddl");
  const grant = node["is_grant"] === true;
  const command = grant ? "GRANT" : "REVOKE";
  const kind = textOf(node, "objtype") ?? "";
  if (!GRANTED.has(kind)) walk.refuse(`${command} on ${words(kind)} is not allowed`);
  const objects = listOf(node, "objects");
  switch (textOf(node, "targtype")) {
    case "ACL_TARGET_OBJECT":
      for (const object of objects) {
        // Tables and sequences are nodes that the walk looks at itself.
        if (nodeOf(object, "RangeVar") === undefined) checkObject(object, walk);
      }
      break;
    case "ACL_TARGET_ALL_IN_SCHEMA":
      for (const object of objects) {
        const schema = stringNode(object) ?? "";
        if (schema !== OWN_SCHEMA) walk.refuse(schemaProblem(schema));
      }
      break;
    default:
      walk.refuse(`${command} of default privileges is not allowed`);
  }
  for (const grantee of listOf(node, "grantees")) {
    const role = nodeOf(grantee, "RoleSpec") ?? {};
    if (grant && textOf(role, "roletype") === "ROLESPEC_PUBLIC") {
      walk.refuse(
        "GRANT to PUBLIC is not allowed; name the project's roles",
        typeof role["location"] === "number" ? role["location"] : undefined,
      );
    }
  }
}

/** A role of a GRANT, REVOKE or policy. Whether it is the project's own is decided per request. */
function checkRole(node: Fields, walk: Walk): void {
  switch (textOf(node, "roletype")) {
    case "ROLESPEC_CSTRING": {
      const name = textOf(node, "rolename") ?? "";
      if (!LOGIN_NAME.test(name)) {
        walk.refuse(`The role "${name}" is not one of this project's own`);
      }
      walk.role(name);
      break;
    }
    // Of a policy, or of a REVOKE.
    case "ROLESPEC_PUBLIC":
    case "ROLESPEC_CURRENT_ROLE":
    case "ROLESPEC_CURRENT_USER":
    case "ROLESPEC_SESSION_USER":
      break;
    default:
      walk.refuse("This way to name a role is not allowed");
  }
}
