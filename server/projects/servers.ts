/**
 * The database servers on which projects are placed: their rows, and this process's handle on each.
 *
 * @module
 */
import type { DatabaseServer, DialectName, ServerReport } from "../databases/database.ts";
import { FluxbaseError } from "../errors.ts";
import { type Changes, recordChange } from "./changes.ts";
import type { ControlDatabase } from "./control_database.ts";
import { control, type ControlQuery, hostOf, isSqlState } from "./control_sql.ts";
import { connectionShare } from "./processes.ts";
import type { Secrets } from "./secrets.ts";
import type { ServerInfo } from "./types.ts";

/** Makes this process's handle on a server; the one place that knows the dialects. */
export type ConnectServer = (
  dialect: DialectName,
  url: string,
  options: { readonly first: boolean },
) => DatabaseServer;

/** Name of the server that holds the control plane itself. */
export const FIRST_SERVER = "default";

const NAME = /^[a-z][a-z0-9-]{0,61}[a-z0-9]$/;
const URL_PURPOSE = "server urls";
const UNIQUE_VIOLATION = "23505";

interface ServerRow {
  readonly name: string;
  readonly dialect: DialectName;
  readonly host: string;
  readonly sealed_url: Uint8Array | null;
  readonly state: "active" | "draining";
  readonly version: string;
  readonly max_connections: number;
}

interface ListedRow extends ServerRow {
  readonly projects: number;
}

interface Handle {
  readonly server: DatabaseServer;
  readonly first: boolean;
  maxConnections: number;
}

interface ServersOptions {
  readonly database: ControlDatabase;
  readonly changes: Changes;
  readonly secrets: Secrets;
  readonly connectServer: ConnectServer;
  /** The control database's URL, and the handle that was already inspected. */
  readonly first: { readonly url: string; readonly server: DatabaseServer };
  /** Connections a server that the operator set; without them the processes share. */
  readonly connections?: number | undefined;
}

/** All servers, as the control plane's database has them. */
export class Servers {
  readonly #options: ServersOptions;
  readonly #handles = new Map<string, Promise<Handle>>();
  #live = 1;

  constructor(options: ServersOptions) {
    this.#options = options;
  }

  /** Writes the first server's row. */
  async registerFirst(report: ServerReport): Promise<void> {
    const { database: { sql }, first } = this.#options;
    await control(sql`
      INSERT INTO fluxbase_control.servers (name, dialect, host, version, max_connections)
      VALUES (${FIRST_SERVER}, ${first.server.dialect}, ${hostOf(first.url)}, ${report.version},
        ${report.maxConnections})
      ON CONFLICT (name) DO UPDATE SET host = excluded.host, version = excluded.version,
        max_connections = excluded.max_connections`);
    this.#keep(FIRST_SERVER, first.server, report.maxConnections, true);
  }

  /** This process's handle on a server that has a row. */
  async handle(name: string): Promise<DatabaseServer> {
    let handle = this.#handles.get(name);
    if (handle === undefined) {
      handle = this.#connect(name);
      this.#handles.set(name, handle);
      handle.catch(() => this.#handles.delete(name));
    }
    return (await handle).server;
  }

  /**
   * The server that takes a new project, locked until the transaction ends so that it cannot be
   * drained meanwhile: the named one, or the active one of the dialect with the fewest projects.
   */
  async place(sql: ControlQuery, dialect: DialectName, name?: string): Promise<string> {
    if (name !== undefined) return await this.#placeNamed(sql, dialect, name);
    const [row] = await sql<{ name: string }[]>`
      SELECT name FROM fluxbase_control.servers AS server
      WHERE dialect = ${dialect} AND state = 'active'
      ORDER BY (
        SELECT count(*) FROM fluxbase_control.projects WHERE projects.server = server.name
      ), created_at
      LIMIT 1 FOR SHARE`;
    if (row === undefined) {
      throw new FluxbaseError(
        "DIALECT_UNAVAILABLE",
        `No active database server of the dialect "${dialect}" takes new projects`,
      );
    }
    return row.name;
  }

  /** Makes a server known after it has proved suitable; `SERVER_UNSUITABLE` says why it is not. */
  async add(input: { name: string; dialect: DialectName; url: string }): Promise<ServerInfo> {
    const { database, secrets, connectServer, changes } = this.#options;
    const { name, dialect, url } = input;
    if (!NAME.test(name)) {
      throw new FluxbaseError(
        "BAD_REQUEST",
        `Server name "${name}" must be 2 to 63 of a-z, 0-9 and "-", with a letter first`,
      );
    }
    if (!URL.canParse(url)) {
      // The text may hold a password: it is not quoted.
      throw new FluxbaseError("BAD_REQUEST", `URL of server "${name}" cannot be read as a URL`);
    }
    const host = hostOf(url);
    await this.#refuseKnown(name, dialect, host);
    const server = connectServer(dialect, url, { first: false });
    try {
      const report = await server.inspect();
      await server.prepare();
      const sealed = await secrets.seal(URL_PURPOSE, name, url);
      await database.transaction(async (tx) => {
        await tx`
          INSERT INTO fluxbase_control.servers
            (name, dialect, host, sealed_url, version, max_connections)
          VALUES (${name}, ${dialect}, ${host}, ${sealed}, ${report.version},
            ${report.maxConnections})`;
        await recordChange(tx, "server", name);
      });
      this.#keep(name, server, report.maxConnections, false);
      changes.announce({ kind: "server", subject: name });
      const { version, lacks } = report;
      return { name, dialect, host, state: "active", projects: 0, lacks, version };
    } catch (thrown) {
      await server.close();
      if (isSqlState(thrown, UNIQUE_VIOLATION)) throw known(name);
      throw unsuitable(host, thrown);
    }
  }

  /** All servers with what each lacks right now. */
  async list(): Promise<ServerInfo[]> {
    const rows = await control(this.#options.database.sql<ListedRow[]>`
      SELECT server.*, (
        SELECT count(*)::int FROM fluxbase_control.projects WHERE projects.server = server.name
      ) AS projects
      FROM fluxbase_control.servers AS server ORDER BY created_at, name`);
    return await Promise.all(rows.map((row) => this.#info(row)));
  }

  async update(name: string, { state }: { state: "active" | "draining" }): Promise<ServerInfo> {
    const { database, changes } = this.#options;
    const row = await database.transaction(async (tx) => {
      const [updated] = await tx<ListedRow[]>`
        UPDATE fluxbase_control.servers AS server SET state = ${state} WHERE name = ${name}
        RETURNING server.*, (
          SELECT count(*)::int FROM fluxbase_control.projects WHERE projects.server = server.name
        ) AS projects`;
      if (updated === undefined) throw unknown(name);
      await recordChange(tx, "server", name);
      return updated;
    });
    changes.announce({ kind: "server", subject: name });
    return await this.#info(row);
  }

  /** Tells every server this process's share of its connections. */
  setLiveProcesses(live: number): void {
    this.#live = live;
    for (const handle of this.#handles.values()) {
      handle.then((known) => this.#budget(known)).catch(() => {});
    }
  }

  async close(): Promise<void> {
    const handles = await Promise.allSettled(this.#handles.values());
    this.#handles.clear();
    await Promise.allSettled(
      handles.map((handle) =>
        handle.status === "fulfilled" ? handle.value.server.close() : undefined
      ),
    );
  }

  async #placeNamed(sql: ControlQuery, dialect: DialectName, name: string): Promise<string> {
    const [row] = await sql<Pick<ServerRow, "dialect" | "state">[]>`
      SELECT dialect, state FROM fluxbase_control.servers WHERE name = ${name} FOR SHARE`;
    if (row === undefined) throw unknown(name);
    if (row.dialect !== dialect) {
      throw new FluxbaseError(
        "BAD_REQUEST",
        `Server "${name}" is of the dialect "${row.dialect}", not "${dialect}"`,
      );
    }
    if (row.state !== "active") {
      throw new FluxbaseError("SERVER_CONFLICT", `Server "${name}" takes no new projects`);
    }
    return name;
  }

  async #refuseKnown(name: string, dialect: DialectName, host: string): Promise<void> {
    const [row] = await control(this.#options.database.sql<{ name: string }[]>`
      SELECT name FROM fluxbase_control.servers
      WHERE name = ${name} OR (dialect = ${dialect} AND host = ${host})
      ORDER BY name = ${name} DESC LIMIT 1`);
    if (row === undefined) return;
    if (row.name === name) throw known(name);
    throw new FluxbaseError(
      "SERVER_CONFLICT",
      `Database server at ${host} is known already, as "${row.name}"`,
    );
  }

  async #info(row: ListedRow): Promise<ServerInfo> {
    const { name, dialect, host, state, projects } = row;
    try {
      const report = await (await this.handle(name)).inspect();
      await this.#remember(row, report);
      const { version, lacks } = report;
      return { name, dialect, host, state, projects, lacks, version };
    } catch (thrown) {
      const lack = thrown instanceof FluxbaseError ? thrown.message : "Cannot be inspected";
      return { name, dialect, host, state, projects, lacks: [lack], version: row.version };
    }
  }

  /** A server's limits may have changed since it was added. */
  async #remember(row: ServerRow, { version, maxConnections }: ServerReport): Promise<void> {
    if (row.version === version && row.max_connections === maxConnections) return;
    await this.#options.database.sql`
      UPDATE fluxbase_control.servers
      SET version = ${version}, max_connections = ${maxConnections} WHERE name = ${row.name}`;
    const handle = await this.#handles.get(row.name);
    if (handle === undefined) return;
    handle.maxConnections = maxConnections;
    this.#budget(handle);
  }

  async #connect(name: string): Promise<Handle> {
    const { database: { sql }, secrets, connectServer } = this.#options;
    const [row] = await control(sql<ServerRow[]>`
      SELECT * FROM fluxbase_control.servers WHERE name = ${name}`);
    if (row === undefined) throw unknown(name);
    if (row.sealed_url === null) throw new Error(`Server "${name}" has no URL`);
    const url = await secrets.open(URL_PURPOSE, name, row.sealed_url);
    const server = connectServer(row.dialect, url, { first: false });
    const handle = { server, first: false, maxConnections: row.max_connections };
    this.#budget(handle);
    return handle;
  }

  #keep(name: string, server: DatabaseServer, maxConnections: number, first: boolean): void {
    const handle = { server, first, maxConnections };
    this.#budget(handle);
    this.#handles.set(name, Promise.resolve(handle));
  }

  #budget({ server, maxConnections, first }: Handle): void {
    const configured = this.#options.connections;
    server.setConnectionBudget(
      configured ?? connectionShare(maxConnections, this.#live, { first }),
    );
  }
}

/** A refusal of the server itself, in its own words; the driver's errors hold no URL. */
function unsuitable(host: string, thrown: unknown): unknown {
  if (thrown instanceof FluxbaseError || !(thrown instanceof Error) || !("code" in thrown)) {
    return thrown;
  }
  return new FluxbaseError(
    "SERVER_UNSUITABLE",
    `Database server at ${host} cannot be used: ${thrown.message}`,
    { cause: thrown },
  );
}

function known(name: string): FluxbaseError {
  return new FluxbaseError("SERVER_CONFLICT", `Server "${name}" is known already`);
}

function unknown(name: string): FluxbaseError {
  return new FluxbaseError("SERVER_NOT_FOUND", `No database server is called "${name}"`);
}
