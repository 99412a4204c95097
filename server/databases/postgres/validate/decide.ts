/**
 * From what is known of a text to whether this actor may run it in this project. Nothing of this is
 * ever kept.
 *
 * @module
 */
import { type Actor, type Placement, ROLE_NAMES } from "../../database.ts";
import { FluxbaseError } from "../../../errors.ts";
import { loginName } from "../address.ts";
import { type Outcome, RANK, type Refusal, type Verdict } from "./outcome.ts";

/** The verdict, or a FluxbaseError where this actor may not run the text in this project. */
export function decide(outcome: Outcome, actor: Actor, project: Placement): Verdict {
  if ("refusal" in outcome) {
    const { message, position } = outcome.refusal;
    throw new FluxbaseError(outcome.code, message, {
      ...(position === undefined ? {} : { position }),
      ...(outcome.code === "QUERY_SYNTAX" ? { sqlstate: "42601" } : {}),
    });
  }
  const { verdict, endUsers, roles } = outcome;
  if (RANK[verdict.class] > RANK[actor.allows]) {
    throw forbidden({
      message:
        `The statement is of class "${verdict.class}" and needs the scope "sql:${verdict.class}"`,
    });
  }
  if (endUsers !== undefined && (actor.role === "user_rw" || actor.role === "user_ro")) {
    throw forbidden(endUsers);
  }
  for (const { name, position } of roles) {
    if (!ROLE_NAMES.some((role) => loginName(project, role) === name)) {
      throw forbidden({
        message: `The role "${name}" is not one of this project's own`,
        ...(position === undefined ? {} : { position }),
      });
    }
  }
  return verdict;
}

function forbidden({ message, position }: Refusal): FluxbaseError {
  return new FluxbaseError("QUERY_FORBIDDEN", message, position === undefined ? {} : { position });
}
