/**
 * The `sql` tag: a statement with its values beside it. What stands between `${` and `}` is always
 * a bound parameter or a fragment made by the tag, never text.
 *
 * @module
 */
import type { DatabaseTypes, RowOf, TableName, UnknownRow } from "./database_types.ts";
import { safe, type SafeResult } from "./errors.ts";
import type { Parameter } from "./parameters.ts";
import type { Rows } from "./rows.ts";

/** A statement and the values of its placeholders. */
export interface Statement {
  readonly query: string;
  readonly params: readonly unknown[];
}

/** How one stream runs. */
export interface StreamOptions {
  /** Stops the call, in the database too. */
  readonly signal?: AbortSignal;
  /** Milliseconds until the server stops the statement; at most what the project allows. */
  readonly timeoutMs?: number;
}

/** How one call runs. */
export interface CallOptions extends StreamOptions {
  /** Rows of the result; more are cut off and `truncated` is set. */
  readonly maxRows?: number;
  /** Bytes of the result; more are cut off and `truncated` is set. */
  readonly maxBytes?: number;
}

/** What runs the statements of a tag. */
export interface Runner {
  objects(statement: Statement, options: CallOptions): Promise<Rows<UnknownRow>>;
  arrays(statement: Statement, options: CallOptions): Promise<Rows<unknown[]>>;
  stream(statement: Statement, options: StreamOptions): AsyncGenerator<UnknownRow, void>;
}

/** How the dialect writes a placeholder and a quoted name. */
const placeholder = (number: number): string => `$${number}`;
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A piece of a statement: texts and, between them, values or further pieces. */
export class Fragment {
  readonly #texts: readonly string[];
  readonly #values: readonly unknown[];

  /** For the tag alone: `texts` become SQL as they stand. */
  constructor(texts: readonly string[], values: readonly unknown[]) {
    this.#texts = texts;
    this.#values = values;
  }

  /** The statement's text with its placeholders numbered, and their values. */
  toStatement(): Statement {
    const params: unknown[] = [];
    return { query: this.#write(params), params };
  }

  #write(params: unknown[]): string {
    let text = this.#texts[0] ?? "";
    for (const [index, value] of this.#values.entries()) {
      if (value instanceof Fragment) text += value.#write(params);
      else text += placeholder(params.push(value));
      text += this.#texts[index + 1] ?? "";
    }
    return text;
  }
}

/**
 * A statement that runs when it is awaited (once, however often it is awaited), and that is a
 * fragment inside another until then.
 */
export class SqlQuery<R> extends Fragment implements Promise<Rows<R>> {
  readonly [Symbol.toStringTag] = "SqlQuery";
  readonly #runner: Runner;
  readonly #options: CallOptions;
  #running: Promise<Rows<R>> | undefined;

  /** For the tag alone. */
  constructor(runner: Runner, fragment: Fragment, options: CallOptions = {}) {
    super(["", ""], [fragment]);
    this.#runner = runner;
    this.#options = options;
  }

  /** The same statement with a signal or a time-out. */
  with(options: CallOptions): SqlQuery<R> {
    return new SqlQuery(this.#runner, this, { ...this.#options, ...options });
  }

  /** Runs the statement: its rows as objects. */
  then<Ok = Rows<R>, Failed = never>(
    onOk?: ((rows: Rows<R>) => Ok | PromiseLike<Ok>) | null,
    onFailed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Ok | Failed> {
    return this.#run().then(onOk, onFailed);
  }

  /** Runs the statement, as `then` does. */
  catch<Failed = never>(
    onFailed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Rows<R> | Failed> {
    return this.#run().catch(onFailed);
  }

  /** Runs the statement, as `then` does. */
  finally(onSettled?: (() => void) | null): Promise<Rows<R>> {
    return this.#run().finally(onSettled);
  }

  /** Runs the statement; `{data, error}` instead of an exception. */
  safe(): Promise<SafeResult<Rows<R>>> {
    return safe(this.#run());
  }

  /** Runs the statement: its rows as arrays, in which equal column names survive. */
  values(): Promise<Rows<unknown[]>> {
    return this.#runner.arrays(this.toStatement(), this.#options);
  }

  /** Runs the statement: its rows one after the other, however many. Leaving the loop stops it. */
  stream(): AsyncGenerator<R, void> {
    // The type of the rows is the caller's word: SQL text has none.
    return this.#runner.stream(this.toStatement(), this.#options) as AsyncGenerator<R, void>;
  }

  #run(): Promise<Rows<R>> {
    this.#running ??= this.#runner.objects(this.toStatement(), this.#options) as Promise<Rows<R>>;
    return this.#running;
  }
}

/** The tag of a client. */
export interface Sql<DB extends DatabaseTypes> {
  /**
   * A statement whose interpolated values are bound parameters. The type argument is a row's type,
   * or a table's name of the client's `Database`.
   */
  <R extends object | TableName<DB> = UnknownRow>(
    texts: TemplateStringsArray,
    ...values: readonly Parameter[]
  ): SqlQuery<RowOf<DB, R>>;
  /** A name, quoted; several make a path: `identifier("public", "users")`. */
  identifier(...path: readonly [string, ...string[]]): Fragment;
  /** Values or fragments with a separator between them, by default a comma. */
  join(items: readonly Parameter[], separator?: Fragment): Fragment;
}

/** The tag that runs its statements by `runner`. */
export function sqlTag<DB extends DatabaseTypes>(runner: Runner): Sql<DB> {
  const tag = <R extends object | TableName<DB> = UnknownRow>(
    texts: TemplateStringsArray,
    ...values: readonly Parameter[]
  ): SqlQuery<RowOf<DB, R>> => {
    refuseUnlessTemplate(texts);
    return new SqlQuery(runner, new Fragment(texts, values));
  };
  return Object.assign(tag, { identifier, join });
}

function refuseUnlessTemplate(texts: unknown): void {
  // A string's `raw` is what only a template has: an array that came as JSON lacks it.
  if (Array.isArray(texts) && "raw" in texts && Array.isArray(texts.raw)) return;
  throw new TypeError(
    "The sql tag is called without parentheses, as sql`select 1`; for a text use query(text, params)",
  );
}

function identifier(...path: readonly [string, ...string[]]): Fragment {
  for (const name of path) {
    if (typeof name !== "string" || name === "" || name.includes("\0")) {
      throw new TypeError(`Cannot quote ${JSON.stringify(name)} as a name`);
    }
  }
  return new Fragment([path.map(quoted).join(".")], []);
}

const COMMA = new Fragment([", "], []);

function join(items: readonly Parameter[], separator: Fragment = COMMA): Fragment {
  if (items.length === 0) throw new TypeError("Cannot join an empty list: SQL has no such thing");
  if (!(separator instanceof Fragment)) {
    throw new TypeError("Cannot join by a text: the separator is a fragment, as sql` and `");
  }
  const pieces = items.flatMap((item, index) => index === 0 ? [item] : [separator, item]);
  return new Fragment(["", ...pieces.map(() => "")], pieces);
}
