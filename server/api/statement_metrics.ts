/**
 * How statements are counted: by class where they succeeded, by code where they failed.
 *
 * @module
 */
import type { ResultSet, StatementClass } from "../databases/database.ts";
import { asFluxbaseError } from "../errors.ts";
import type { Metrics } from "../observe/metrics.ts";

const CLASSES: ReadonlyMap<string, StatementClass> = new Map([
  ...["SELECT", "SHOW", "EXPLAIN", "VALUES", "TABLE"].map((verb) => [verb, "read"] as const),
  ...["INSERT", "UPDATE", "DELETE", "MERGE"].map((verb) => [verb, "write"] as const),
]);

/** Times statements from now on. */
export class StatementTimer {
  readonly #metrics: Metrics;
  readonly #started = performance.now();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** A statement has ended well; `command` is its verb. */
  succeeded(command: string): void {
    const milliseconds = performance.now() - this.#started;
    this.#metrics.statement(CLASSES.get(command) ?? "ddl", "ok", milliseconds);
  }

  /** A statement has failed; gives back what was thrown. */
  failed(thrown: unknown): unknown {
    const { code } = asFluxbaseError(thrown);
    this.#metrics.statement("none", code, performance.now() - this.#started);
    return thrown;
  }
}

/** Runs a statement, or several, and counts them. */
export async function counted<T extends ResultSet | readonly ResultSet[]>(
  metrics: Metrics,
  run: () => Promise<T>,
): Promise<T> {
  const timer = new StatementTimer(metrics);
  try {
    const results = await run();
    const list: readonly ResultSet[] = "command" in results ? [results] : results;
    for (const { command } of list) timer.succeeded(command);
    return results;
  } catch (thrown) {
    throw timer.failed(thrown);
  }
}
