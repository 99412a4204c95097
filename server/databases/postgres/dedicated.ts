/**
 * One connection for what needs one to itself: a transaction, a lock, a setting. The driver's
 * `begin` and `reserve` are not used: when their connection is lost, their next statement (a
 * `rollback` that nobody asked for, say) writes to a socket that is no more, and that error ends
 * the process.
 *
 * @module
 */
import type postgres from "postgres";

/** Runs a statement: of a pool, or of one connection. */
interface Query {
  <Rows extends readonly (object | undefined)[] = postgres.Row[]>(
    template: TemplateStringsArray,
    ...parameters: readonly postgres.ParameterOrFragment<never>[]
  ): PromiseLike<postgres.RowList<Rows>>;
}

/** Runs statements: of a pool, or of one connection. */
export interface Statements extends Query {
  /** Runs a text of one or more statements, without parameters. */
  unsafe(text: string): Promise<unknown>;
}

/** What the driver's client of a dedicated connection has to be made with. */
export interface DedicatedOptions {
  readonly max: 1;
  /** Called when the connection has ended. */
  readonly onclose: () => void;
}

/** Seconds that the driver gets to say goodbye. */
const GOODBYE_SECONDS = 1;

/**
 * One connection, opened by its first statement and never replaced by another one. Once it is lost,
 * every statement is rejected with the driver's code `CONNECTION_CLOSED`, and none is sent.
 */
export class DedicatedConnection implements AsyncDisposable {
  readonly #sql: postgres.Sql;
  #lost = false;
  readonly #loss = Promise.withResolvers<never>();
  /** Runs a statement; throws, and sends nothing, once the connection is lost. */
  readonly query: Statements;

  /** `connect` makes the driver's client; it may add options of its own. */
  constructor(connect: (options: DedicatedOptions) => postgres.Sql) {
    this.#sql = connect({
      max: 1,
      onclose: () => {
        this.#lost = true;
        this.#loss.reject(lost());
      },
    });
    this.#loss.promise.catch(() => {}); // Most connections end without anybody waiting for it.
    const tagged: Query = async (template, ...parameters) => {
      this.#requireHeld();
      return await this.#sql(template, ...parameters);
    };
    this.query = Object.assign(tagged, {
      unsafe: async (text: string) => {
        this.#requireHeld();
        return await this.#sql.unsafe(text);
      },
    });
  }

  /** Whether the connection was lost, and with it its locks and its transaction. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Awaits work that needs the connection to stand; rejects as soon as it is lost. */
  async whileHeld<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#loss.promise]);
  }

  /** Runs work in one transaction; a failure closes the connection, which rolls back. */
  async transaction<T>(work: (query: Statements) => Promise<T>): Promise<T> {
    const { query } = this;
    try {
      await query`BEGIN`;
      const result = await work(query);
      const { command } = await query`COMMIT`;
      // What PostgreSQL answers where a statement failed whose error the work did not pass on.
      if (command === "ROLLBACK") throw new Error("A statement of the transaction had failed");
      return result;
    } catch (thrown) {
      await this.close();
      throw thrown;
    }
  }

  /** Ends the connection; again is no error. */
  async close(): Promise<void> {
    // The driver waits for the answers that a lost connection still owes.
    await this.#sql.end({ timeout: this.#lost ? 0 : GOODBYE_SECONDS });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireHeld(): void {
    if (this.#lost) throw lost();
  }
}

function lost(): Error {
  return Object.assign(new Error("Connection to the database was lost"), {
    code: "CONNECTION_CLOSED",
  });
}
