/**
 * The port that each dialect's folder fills. The rooms above know databases by these names only:
 * a second dialect is a second folder with the same files, never an `if` elsewhere.
 *
 * @module
 */

/** The dialects that a project can have. */
export type DialectName = "postgres" | "mysql" | "flatsql";

/** What a statement does, from weakest to strongest. */
export type StatementClass = "read" | "write" | "ddl";

/**
 * The project's own login that a statement runs under. The caller's credentials choose it, never
 * the statement: `select f()` may write under a writing role and fails in the database under a
 * reading one.
 *
 * - `owner`: makes and changes tables (`sql:ddl`)
 * - `service_rw`, `service_ro`: secret keys without an end user; above row security
 * - `user_rw`, `user_ro`: end users (a JWT, or a publishable key); under row security
 * - `loader`: ingestion's COPY; INSERT on tables only
 */
export const ROLE_NAMES = [
  "owner",
  "service_rw",
  "service_ro",
  "user_rw",
  "user_ro",
  "loader",
] as const;
export type RoleName = typeof ROLE_NAMES[number];

/** On whose behalf a statement runs. */
export interface Actor {
  readonly role: RoleName;
  /** The strongest class of statement that the caller's scopes allow: the parser's wall. */
  readonly allows: StatementClass;
}

/** A value as JSON carries it; `JSON.rawJSON` objects stand for numbers beyond a double. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** One statement and its bound parameters (`$1` or `?`, as the dialect writes them). */
export interface Statement {
  readonly query: string;
  readonly params?: readonly JsonValue[];
}

/** How far one call may go. */
export interface Limits {
  /** Milliseconds until the statement is canceled from outside its session. */
  readonly timeoutMs: number;
  /** Rows of the result; more sets `truncated`. */
  readonly maxRows: number;
  /** Bytes of the result as it comes from the database; more sets `truncated`. */
  readonly maxBytes: number;
  /** Aborted when the client goes away. */
  readonly signal?: AbortSignal;
}

/** A column of a result: its name and the type's name from the table in `server/README.md`. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** What a statement returned. */
export interface ResultSet {
  readonly columns: readonly Column[];
  /** One array a row, in the order of `columns`, each value JSON-safe and exact. */
  readonly rows: readonly (readonly JsonValue[])[];
  /** Rows returned, or changed where the statement returns none. */
  readonly rowCount: number;
  /** The statement's verb as the database names it: `SELECT`, `INSERT`, `CREATE TABLE`. */
  readonly command: string;
  /** True where a limit cut the rows off. */
  readonly truncated: boolean;
}

/** One piece of a streamed result; the first holds the columns. */
export type StreamChunk =
  | { readonly columns: readonly Column[] }
  | { readonly rows: readonly (readonly JsonValue[])[] }
  | { readonly done: { readonly rowCount: number; readonly command: string } };

/** How a batch's one transaction runs. */
export interface TransactionOptions {
  readonly isolation?: "read committed" | "repeatable read" | "serializable";
  readonly readOnly?: boolean;
}

/** One project's database. */
export interface Database {
  /** Runs one statement. */
  execute(actor: Actor, statement: Statement, limits: Limits): Promise<ResultSet>;
  /** Runs several statements in one transaction: all or none. Limits count for the whole. */
  batch(
    actor: Actor,
    statements: readonly Statement[],
    options: TransactionOptions,
    limits: Limits,
  ): Promise<ResultSet[]>;
  /** Runs one statement and hands its rows over in chunks, in bounded memory. */
  stream(
    actor: Actor,
    statement: Statement,
    limits: Omit<Limits, "maxRows" | "maxBytes">,
  ): AsyncIterableIterator<StreamChunk>;
  /** Tables, columns, keys, indexes and policies as the actor may see them. */
  describe(actor: Actor, limits: Pick<Limits, "timeoutMs" | "signal">): Promise<DatabaseSchema>;
  /** Ends the database's connections; calls under way fail. */
  close(): Promise<void>;
}

/** The schema of a project's database, as `sql.describe` answers it. */
export interface DatabaseSchema {
  readonly tables: readonly TableSchema[];
  readonly enums: readonly { readonly name: string; readonly values: readonly string[] }[];
  /** Row types that stand alone (a table's own row type has the table's name). */
  readonly composites?: readonly {
    readonly name: string;
    readonly columns: readonly ColumnSchema[];
  }[];
}

/** A table, view or materialised view. */
export interface TableSchema {
  readonly name: string;
  readonly kind: "table" | "view" | "materialized view" | "partitioned table" | "foreign table";
  readonly comment?: string;
  readonly columns: readonly ColumnSchema[];
  /** Column names of the primary key, in key order; empty where there is none. */
  readonly primaryKey: readonly string[];
  readonly foreignKeys: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly references: { readonly table: string; readonly columns: readonly string[] };
  }[];
  readonly indexes: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly unique: boolean;
    readonly definition: string;
  }[];
  /** Whether row security is in force for end users; always false for views. */
  readonly rowSecurity: boolean;
  readonly policies: readonly {
    readonly name: string;
    readonly command: "ALL" | "SELECT" | "INSERT" | "UPDATE" | "DELETE";
    readonly permissive: boolean;
    readonly using?: string;
    readonly check?: string;
  }[];
  /** The planner's estimate; absent where the table was never analysed. */
  readonly estimatedRows?: number;
}

/** A column of a table. */
export interface ColumnSchema {
  readonly name: string;
  /** The type's name, the same as in a result's `columns`. */
  readonly type: string;
  /** The type as the database writes it, with its modifiers: `numeric(10,2)`. */
  readonly databaseType: string;
  readonly nullable: boolean;
  /** SQL text of the default. */
  readonly default?: string;
  /** `always` and `by default` are identities, `stored` and `virtual` generated columns. */
  readonly generated?: "always" | "by default" | "stored" | "virtual";
  readonly comment?: string;
}

/** Where a project's data lies on its database server. */
export interface Placement {
  /** Opaque, 32 hexadecimal digits: names of databases and logins on a server are made of it. */
  readonly token: string;
}

/** What stands and what is missing on a database server. */
export interface ServerReport {
  /** The server's own version text. */
  readonly version: string;
  /** What Fluxbase needs and does not find, each with its remedy; empty when all is well. */
  readonly lacks: readonly string[];
  /** Connections that the server allows in all. */
  readonly maxConnections: number;
}

/** One database server on which projects are placed. */
export interface DatabaseServer {
  readonly dialect: DialectName;
  /** Looks at version and privileges; changes nothing. Throws `SERVER_UNSUITABLE` when unreachable. */
  inspect(): Promise<ServerReport>;
  /** Makes what every project needs (the template); safe to call again, and from two processes. */
  prepare(): Promise<void>;
  /** Makes a project's database and logins. May be called again after a crash at any point. */
  create(placement: Placement): Promise<void>;
  /** Removes all that `create` made. May be called again after a crash at any point. */
  drop(placement: Placement): Promise<void>;
  /** Brings what the platform keeps inside the project's database up to date. */
  migrate(placement: Placement): Promise<void>;
  /** The names that a GRANT may use, by role. */
  roleNames(placement: Placement): Readonly<Record<RoleName, string>>;
  /** Installs an extension from the allowlist; `EXTENSION_FORBIDDEN` for any other. */
  installExtension(placement: Placement, name: string): Promise<void>;
  /** The project's database, ready for statements. Connections open on demand. */
  open(placement: Placement): Database;
  /** How many connections all of this process's projects on this server may hold together. */
  setConnectionBudget(connections: number): void;
  close(): Promise<void>;
}
