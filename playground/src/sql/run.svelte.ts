import { type Client, FluxbaseError, type QueryResult } from "@fluxbase/client";

/** One statement at a time: its state, its result or its error. */
export class Run {
  busy = $state(false);
  result: QueryResult<unknown[]> | undefined = $state.raw();
  error: FluxbaseError | undefined = $state.raw();
  status = $state("");
  readonly #client: Client;
  #abort: AbortController | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Runs a statement; its failure is state, not an exception. */
  async start(text: string): Promise<void> {
    this.#abort = new AbortController();
    this.busy = true;
    this.error = undefined;
    this.status = "Running …";
    const begun = performance.now();
    try {
      this.result = await this.#client.query(text, [], {
        rowMode: "array",
        signal: this.#abort.signal,
      });
      this.status = summary(this.result, performance.now() - begun);
    } catch (error) {
      this.result = undefined;
      this.status = this.#abort.signal.aborted ? "Canceled" : "";
      if (!this.#abort.signal.aborted) this.error = asFluxbaseError(error);
    } finally {
      this.busy = false;
    }
  }

  /** Stops the statement, on the server too. */
  cancel(): void {
    this.#abort?.abort();
  }
}

function summary(result: QueryResult<unknown[]>, milliseconds: number): string {
  const rows = result.rowCount === 1 ? "1 row" : `${result.rowCount} rows`;
  const cut = result.truncated ? `, cut off: the first ${result.rows.length} are shown` : "";
  return `${result.command}: ${rows} in ${Math.round(milliseconds)} ms${cut}`;
}

function asFluxbaseError(error: unknown): FluxbaseError {
  if (error instanceof FluxbaseError) return error;
  return new FluxbaseError({ code: "NETWORK", message: String(error), retryable: true });
}
