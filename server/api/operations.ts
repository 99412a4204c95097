/**
 * What both faces do with a call: identify, hand over to the rooms below, shape the answer. REST
 * and tRPC share these functions, so that they cannot differ.
 *
 * @module
 */
import type { DatabaseSchema, ResultSet, Statement, StreamChunk } from "../databases/database.ts";
import { FluxbaseError } from "../errors.ts";
import type { Call } from "./call.ts";
import { type Access, identifyProject } from "./identify.ts";
import { resultLimits, streamLimits } from "./limits.ts";
import type { BatchInput, ExecuteInput, StreamInput } from "./schemas.ts";
import { counted, StatementTimer } from "./statement_metrics.ts";

export * from "./administration.ts";

/** Runs one statement. */
export function execute(call: Call, input: ExecuteInput): Promise<ResultSet> {
  const access = identifyProject(call);
  return access instanceof Promise
    ? access.then((known) => executeFor(known, call, input))
    : executeFor(access, call, input);
}

function executeFor(access: Access, call: Call, input: ExecuteInput): Promise<ResultSet> {
  const limits = resultLimits(access, input, call.signal);
  const { actor, open } = access;
  return counted(
    call.parts.metrics,
    () => open.database.execute(actor, statementOf(input), limits),
  );
}

/** Runs several statements in one transaction. */
export async function batch(
  call: Call,
  input: BatchInput,
): Promise<{ readonly results: readonly ResultSet[] }> {
  const access = await identifyProject(call);
  const { isolation, readOnly } = input;
  const options = {
    ...(isolation === undefined ? {} : { isolation }),
    ...(readOnly === undefined ? {} : { readOnly }),
  };
  const statements = input.statements.map(statementOf);
  const limits = resultLimits(access, input, call.signal);
  const { actor, open } = access;
  const results = await counted(
    call.parts.metrics,
    () => open.database.batch(actor, statements, options, limits),
  );
  return { results };
}

/** Runs one statement and hands its rows over in chunks; ends when the server stops. */
export async function* stream(
  call: Call,
  input: StreamInput,
): AsyncGenerator<StreamChunk, void, unknown> {
  const access = await identifyProject(call);
  const { stopping } = call.parts;
  const limits = streamLimits(access, input, AbortSignal.any([call.signal, stopping]));
  const { actor, open } = access;
  const timer = new StatementTimer(call.parts.metrics);
  try {
    for await (const chunk of open.database.stream(actor, statementOf(input), limits)) {
      if ("done" in chunk) timer.succeeded(chunk.done.command);
      yield chunk;
    }
  } catch (thrown) {
    if (!stopping.aborted) throw timer.failed(thrown);
    throw timer.failed(
      new FluxbaseError("SHUTTING_DOWN", "The server is stopping", { cause: thrown }),
    );
  }
}

/** Tables, columns, keys, indexes and policies as the key may see them. */
export async function describe(call: Call): Promise<DatabaseSchema> {
  const access = await identifyProject(call);
  const { timeoutMs, signal } = resultLimits(access, {}, call.signal);
  return await access.open.database.describe(access.actor, {
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });
}

function statementOf({ query, params }: Pick<ExecuteInput, "query" | "params">): Statement {
  return params === undefined ? { query } : { query, params };
}
