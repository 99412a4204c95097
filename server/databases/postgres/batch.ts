/**
 * Several statements in one transaction: all or none.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type {
  Actor,
  Limits,
  ResultSet,
  Statement,
  StatementClass,
  TransactionOptions,
} from "../database.ts";
import { worthPreparing } from "./execute.ts";
import { failure } from "./failures.ts";
import { loadTypes, requireFittingRow, resultSet } from "./results.ts";
import { bind, type Hold, hold, type Runtime, type Verdict } from "./runtime.ts";
import type { RawResult } from "./session.ts";
import {
  beginText,
  commit,
  type ReadyStatement,
  rollback,
  runAll,
  StatementError,
} from "./transaction.ts";

interface Checked extends ReadyStatement {
  readonly verdict: Verdict;
}

/** Runs several statements in one transaction; the limits count for the whole. */
export async function batch(
  runtime: Runtime,
  actor: Actor,
  statements: readonly Statement[],
  options: TransactionOptions,
  limits: Limits,
): Promise<ResultSet[]> {
  const checked = await checkAll(runtime, actor, statements);
  const held = await hold(runtime, actor.role, limits);
  const { session } = held;
  const progress = { committing: false };
  try {
    const attempt = (prepare: boolean) =>
      transact(runtime, held, beginText(options), checked, prepare, limits, progress);
    try {
      return await attempt(true);
    } catch (error) {
      // Nothing was answered and nothing is left of it: once more, without the plans of before.
      if (!session.suspect || session.over || progress.committing) throw error;
      await rollback(session);
      const results = await attempt(false);
      session.condemn();
      return results;
    }
  } catch (error) {
    await rollback(session);
    const cause = error instanceof StatementError ? error.cause : error;
    const failed = failure(cause, {
      role: actor.role,
      // Before COMMIT is sent nothing of it can have been carried out.
      class: progress.committing ? strongest(checked) : "read",
      reason: held.watch.reason,
      fatalState: session.fatalState,
    });
    throw error instanceof StatementError ? named(failed, error.index, checked.length) : failed;
  } finally {
    held.release();
    if (checked.some(({ verdict }) => verdict.class === "ddl")) runtime.catalog.forget();
  }
}

async function checkAll(
  runtime: Runtime,
  actor: Actor,
  statements: readonly Statement[],
): Promise<Checked[]> {
  const checked: Checked[] = [];
  for (const [index, { query, params }] of statements.entries()) {
    try {
      const verdict = await runtime.validator.check(query, actor, runtime.placement);
      if (!verdict.transactional) {
        throw new FluxbaseError("QUERY_INVALID", "This statement cannot run in a transaction");
      }
      const prepare = worthPreparing(runtime, query, verdict);
      checked.push({ query, params: bind(params), prepare, verdict });
    } catch (error) {
      throw error instanceof FluxbaseError ? named(error, index, statements.length) : error;
    }
  }
  return checked;
}

async function transact(
  runtime: Runtime,
  { session }: Hold,
  begin: string,
  checked: readonly Checked[],
  prepare: boolean,
  limits: Limits,
  progress: { committing: boolean },
): Promise<ResultSet[]> {
  session.limit({ maxRows: limits.maxRows, maxBytes: limits.maxBytes });
  const statements = prepare ? checked : checked.map((one) => ({ ...one, prepare: false }));
  const raws = await runAll(session, begin, statements, runtime.catalog);
  const { truncated, rowTooLarge } = session.cut;
  requireFittingRow(rowTooLarge, limits.maxBytes, "; the batch was rolled back");
  const types = raws.flatMap(({ columns }) => columns.map(({ type }) => type));
  await loadTypes(types, runtime.catalog, session);
  progress.committing = true;
  await commit(session);
  return raws.map((raw, index) =>
    resultSet(
      raw,
      truncated && isCut(raw),
      checked[index]?.verdict.explain ?? false,
      runtime.catalog,
    )
  );
}

/** No statement of a batch is canceled for its rows, so that the server's count is the whole. */
function isCut({ columns, rows, count }: RawResult): boolean {
  return columns.length > 0 && (count === null || rows.length < count);
}

function strongest(checked: readonly Checked[]): StatementClass {
  if (checked.some(({ verdict }) => verdict.class === "ddl")) return "ddl";
  return checked.some(({ verdict }) => verdict.class === "write") ? "write" : "read";
}

function named(error: FluxbaseError, index: number, count: number): FluxbaseError {
  const message = `Statement ${index + 1} of ${count}: ${error.message}`;
  return new FluxbaseError(error.code, message, { ...error.fields, cause: error.cause });
}
