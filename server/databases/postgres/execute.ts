/**
 * One statement: validate, take a session, run, give it back, decode.
 *
 * @module
 */
import type { Actor, Limits, ResultSet, RoleName, Statement } from "../database.ts";
import { failure } from "./failures.ts";
import { UnknownParameterType } from "./parameters.ts";
import { loadTypes, requireFittingRow, resultSet } from "./results.ts";
import { bind, type Hold, hold, type Runtime, type Verdict } from "./runtime.ts";
import type { Bound } from "./driver.ts";
import type { RawResult, RunOptions, Session } from "./session.ts";
import type { TypeCatalog } from "./types.ts";

/** Runs one statement. */
export async function execute(
  runtime: Runtime,
  actor: Actor,
  statement: Statement,
  limits: Limits,
): Promise<ResultSet> {
  const { query } = statement;
  const checked = runtime.validator.check(query, actor, runtime.placement);
  const verdict = checked instanceof Promise ? await checked : checked;
  const params = bind(statement.params);
  const held = await hold(runtime, actor.role, limits);
  const { session } = held;
  session.limit({
    maxRows: limits.maxRows,
    maxBytes: limits.maxBytes,
    onExceeded: () => stopReading(runtime, held, actor.role, verdict),
  });
  try {
    const prepare = worthPreparing(runtime, query, verdict);
    const raw = await run(session, query, params, { prepare, last: true }, runtime.catalog);
    const { truncated, rowTooLarge } = session.cut;
    requireFittingRow(rowTooLarge, limits.maxBytes, aftermath(verdict));
    await loadTypes(raw.columns.map(({ type }) => type), runtime.catalog, session);
    return resultSet(raw, truncated, verdict.explain, runtime.catalog);
  } catch (error) {
    const { reason } = held.watch;
    throw failure(error, {
      role: actor.role,
      class: verdict.class,
      reason,
      fatalState: session.fatalState,
    });
  } finally {
    held.release();
    // Whatever became of it, types may be other ones now.
    if (verdict.class === "ddl") runtime.catalog.forget();
  }
}

/** Whether to keep the statement's plan. */
export function worthPreparing({ texts }: Runtime, query: string, verdict: Verdict): boolean {
  return verdict.class !== "ddl" && texts.seen(query);
}

/** Runs a statement, after loading the types of its parameters where they are not known. */
export async function run(
  session: Session,
  query: string,
  params: readonly Bound[],
  options: RunOptions,
  catalog: TypeCatalog,
): Promise<RawResult> {
  while (true) {
    try {
      return await session.run(query, params, options);
    } catch (error) {
      // Nothing was carried out: the statement was only described so far.
      if (!(error instanceof UnknownParameterType)) throw error;
      await catalog.load([error.oid], session.ask);
    }
  }
}

const READS_ONLY: ReadonlySet<RoleName> = new Set(["service_ro", "user_ro"]);

/**
 * The rows are enough. A read is ended; a write goes on, without its rows. A read under a writing
 * role may call functions that write, and ending those would undo in silence what was done.
 */
function stopReading(runtime: Runtime, held: Hold, role: RoleName, verdict: Verdict): void {
  if (verdict.class !== "read") return;
  if (READS_ONLY.has(role)) runtime.watchdog.stop(held.watch, "truncated");
  else runtime.watchdog.stopUnlessWriting(held.watch, "truncated");
}

function aftermath(verdict: Verdict): string {
  return verdict.class === "read" ? "" : "; the statement was carried out";
}
