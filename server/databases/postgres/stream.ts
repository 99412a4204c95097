/**
 * One statement whose rows are handed over while they come.
 *
 * The rows are not fetched in portions through a portal: a portal keeps PostgreSQL from running the
 * plan in parallel and costs a round trip a portion. When the consumer is slower than the database,
 * the socket is not read any further, and the server waits.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type { Actor, Limits, Statement, StreamChunk } from "../database.ts";
import { failure } from "./failures.ts";
import { columnsOf, decodeOwnTypes, loadTypes } from "./results.ts";
import { RowFeed } from "./row_feed.ts";
import { bind, hold, type Runtime } from "./runtime.ts";
import type { Description } from "./session.ts";

/** One row is held in memory as a whole, however large it is. */
const MAX_ROW_BYTES = 64 << 20;

/** Runs one statement and hands its rows over in chunks. */
export async function* stream(
  runtime: Runtime,
  actor: Actor,
  statement: Statement,
  limits: Omit<Limits, "maxRows" | "maxBytes">,
): AsyncGenerator<StreamChunk, void, void> {
  const { query } = statement;
  const { catalog, watchdog } = runtime;
  const verdict = await runtime.validator.check(query, actor, runtime.placement);
  const params = bind(statement.params);
  const held = await hold(runtime, actor.role, limits);
  const { session, watch } = held;
  const release = () => {
    held.release();
    if (verdict.class === "ddl") catalog.forget();
  };
  const failed = (error: unknown) =>
    failure(session.cut.rowTooLarge ? rowTooLarge() : error, {
      role: actor.role,
      class: verdict.class,
      reason: watch.reason,
      fatalState: session.fatalState,
    });
  session.limit({
    maxRows: Infinity,
    maxBytes: Infinity,
    maxRowBytes: MAX_ROW_BYTES,
    onExceeded: () => watchdog.stop(watch, "truncated"),
  });
  let description: Description;
  try {
    // The types have to be known beforehand: once rows come, the session cannot be asked.
    description = await session.describe(query, params);
    const types = description.columns.map(({ type }) => type);
    await loadTypes([...types, ...description.parameters], catalog, session);
  } catch (error) {
    const reported = failed(error);
    release();
    throw reported;
  }
  const { columns } = description;
  const feed = new RowFeed(session);
  // The session is free as soon as the database is through, whether or not the consumer comes back.
  session.feed(query, params, (row) => feed.push(row)).then(
    (outcome) => feed.finish(outcome),
    (error) => feed.fail(failed(error)),
  ).finally(release);
  try {
    yield { columns: columnsOf(columns, catalog) };
    const chunks = feed.chunks();
    let next = await chunks.next();
    for (; next.done !== true; next = await chunks.next()) {
      decodeOwnTypes(columns, next.value, catalog);
      yield { rows: next.value };
    }
    const { count, command } = next.value;
    yield { done: { rowCount: count ?? feed.rowCount, command: command ?? "SELECT" } };
  } finally {
    feed.close();
    // Without effect once the statement is through.
    watchdog.stop(watch, "aborted");
  }
}

function rowTooLarge(): FluxbaseError {
  return new FluxbaseError(
    "ROW_TOO_LARGE",
    `A row of the result is larger than ${MAX_ROW_BYTES} bytes; the statement was stopped`,
  );
}
