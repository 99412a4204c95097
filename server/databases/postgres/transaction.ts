/**
 * Several statements in one transaction on one session, sent without waiting where that is safe.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type { TransactionOptions } from "../database.ts";
import { run } from "./execute.ts";
import type { Bound } from "./driver.ts";
import type { RawResult, Session } from "./session.ts";
import type { TypeCatalog } from "./types.ts";

/** A statement that is ready to be sent. */
export interface ReadyStatement {
  readonly query: string;
  readonly params: readonly Bound[];
  readonly prepare: boolean;
}

/** The error of one of the statements, and which one it was. */
export class StatementError extends Error {
  override readonly name = "StatementError";
  /** From 0. */
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(`Statement ${index + 1} failed`, { cause });
    this.index = index;
  }
}

/** The statement that starts a transaction. */
export function beginText({ isolation, readOnly }: TransactionOptions): string {
  return "BEGIN" +
    (isolation === undefined ? "" : ` ISOLATION LEVEL ${isolation.toUpperCase()}`) +
    (readOnly === true ? " READ ONLY" : "");
}

/**
 * Starts a transaction and runs the statements in it. What has to stand before a tenant's first
 * statement in each transaction (the sender's claims, say) belongs behind BEGIN here.
 *
 * Throws a {@linkcode StatementError} for the first that failed. The transaction stays open: the
 * caller ends it by {@linkcode commit} or {@linkcode rollback}.
 */
export async function runAll(
  session: Session,
  begin: string,
  statements: readonly ReadyStatement[],
  catalog: TypeCatalog,
): Promise<RawResult[]> {
  const begun = session.run(begin, [], { prepare: false });
  const results: Promise<RawResult>[] = [];
  for (const { query, params, prepare } of statements) {
    const pipelines = session.pipelines(query, params);
    const result = run(session, query, params, { prepare }, catalog);
    results.push(result);
    if (!pipelines && !await succeeds(result)) break;
  }
  // All of them are waited for: the session is not to be left with answers to come.
  const [start, ...settled] = await Promise.allSettled([begun, ...results]);
  if (start.status === "rejected") throw start.reason;
  return settled.map((result, index) => {
    if (result.status === "rejected") throw new StatementError(index, result.reason);
    return result.value;
  });
}

async function succeeds(result: Promise<unknown>): Promise<boolean> {
  try {
    await result;
    return true;
  } catch {
    return false;
  }
}

/** Commits; throws unless all of it was one transaction and is in force now. */
export async function commit(session: Session): Promise<void> {
  if (session.status !== "T") {
    throw new FluxbaseError("QUERY_FORBIDDEN", "A statement of the batch ended its transaction");
  }
  const { command } = await session.run("COMMIT", [], { prepare: false, last: true });
  if (command !== "COMMIT") {
    throw new FluxbaseError("QUERY_INVALID", "The database rolled the batch back");
  }
}

/** Undoes the transaction, where it is still open. A session that fails here is not used again. */
export async function rollback(session: Session): Promise<void> {
  if (session.over || session.status === "I") return;
  try {
    await session.run("ROLLBACK", [], { prepare: false, last: true });
  } catch {
    // The state says that the transaction is open, and the session is ended for it.
  }
}
