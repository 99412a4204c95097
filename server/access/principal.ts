/**
 * Who a request speaks for, and what follows from it: the login in the database and the strongest
 * class of statement. The credentials choose the role by the widest scope, never the statement.
 *
 * @module
 */
import type { Actor, StatementClass } from "../databases/database.ts";
import { FluxbaseError } from "../errors.ts";

/** What a key may do. */
export const SCOPES = ["sql:read", "sql:write", "sql:ddl", "ingest", "realtime"] as const;
export type Scope = typeof SCOPES[number];

/** `secret` keys are for servers, `publishable` ones may stand in a browser. */
export type KeyKind = "secret" | "publishable";

/** The verified sender of a request. */
export interface Principal {
  readonly projectId: string;
  readonly keyId: string;
  readonly kind: KeyKind;
  readonly scopes: ReadonlySet<Scope>;
}

/** Throws `SCOPE_MISSING` unless the principal holds the scope. */
export function requireScope(principal: Principal, scope: Scope): void {
  if (!principal.scopes.has(scope)) {
    throw new FluxbaseError("SCOPE_MISSING", `This key does not hold the scope "${scope}"`);
  }
}

/** The login and class under which the principal's statements run; `SCOPE_MISSING` without any. */
export function actorOf(principal: Principal): Actor {
  const allows = widestClass(principal.scopes);
  if (allows === undefined) {
    throw new FluxbaseError(
      "SCOPE_MISSING",
      'This key holds none of the scopes "sql:read", "sql:write", "sql:ddl"',
    );
  }
  const endUser = principal.kind === "publishable";
  if (endUser) return { role: allows === "read" ? "user_ro" : "user_rw", allows };
  if (allows === "ddl") return { role: "owner", allows };
  return { role: allows === "read" ? "service_ro" : "service_rw", allows };
}

function widestClass(scopes: ReadonlySet<Scope>): StatementClass | undefined {
  if (scopes.has("sql:ddl")) return "ddl";
  if (scopes.has("sql:write")) return "write";
  if (scopes.has("sql:read")) return "read";
  return undefined;
}
