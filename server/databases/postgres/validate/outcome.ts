/**
 * What the parser's worker says of a text, small enough to cross a thread and to be kept. It holds
 * nothing of the caller.
 *
 * @module
 */
import type { StatementClass } from "../../database.ts";

/** What a statement is, for whoever runs it. */
export interface Verdict {
  readonly class: StatementClass;
  /** Tag of the statement's node: `SelectStmt`. */
  readonly kind: string;
  /** False for what cannot run inside a transaction block (`VACUUM`, `… CONCURRENTLY`). */
  readonly transactional: boolean;
  readonly explain: boolean;
}

/** A refusal's text; its position is 1-based, in code points of the text. */
export interface Refusal {
  readonly message: string;
  readonly position?: number;
}

/** The text is one statement that somebody may run. */
export interface Accepted {
  readonly verdict: Verdict;
  /** Why end users may not run it, where they may not. */
  readonly endUsers?: Refusal;
  /** Roles that it names, each to be one of the project's own. */
  readonly roles: readonly { readonly name: string; readonly position?: number }[];
}

/** Nobody may run the text. */
export interface Refused {
  readonly code: "QUERY_SYNTAX" | "QUERY_FORBIDDEN";
  readonly refusal: Refusal;
}

export type Outcome = Accepted | Refused;

/** Classes from weakest to strongest. */
export const RANK: Record<StatementClass, number> = { read: 0, write: 1, ddl: 2 };

/** The wider of two classes. */
export function wider(a: StatementClass, b: StatementClass): StatementClass {
  return RANK[a] >= RANK[b] ? a : b;
}
