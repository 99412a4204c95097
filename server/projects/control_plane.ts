/**
 * The control plane: servers, projects, settings and audit, kept in the schema `fluxbase_control`
 * of one PostgreSQL database that all Fluxbase processes share. This file puts its parts together.
 *
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { DatabaseServer, DialectName } from "../databases/database.ts";
import { FluxbaseError } from "../errors.ts";
import { writeAudit } from "./audit.ts";
import { Changes, recordChange } from "./changes.ts";
import { ControlDatabase } from "./control_database.ts";
import {
  connectControl,
  control,
  type ControlQuery,
  type ControlSql,
  hostOf,
} from "./control_sql.ts";
import { migrateControl } from "./migrate.ts";
import { OpenProjects } from "./open_projects.ts";
import { Processes } from "./processes.ts";
import * as rows from "./project_rows.ts";
import { Secrets } from "./secrets.ts";
import { type ConnectServer, FIRST_SERVER, Servers } from "./servers.ts";
import { patchSettings, settingsOf } from "./settings.ts";
import type {
  AuditAct,
  ControlLog,
  ControlPlane,
  OpenProject,
  Project,
  ServerInfo,
} from "./types.ts";
import { type LifeCycleStep, Workers } from "./workers.ts";

export interface ControlPlaneOptions {
  /** Administrator's URL of the control database. */
  readonly url: string;
  /** `FLUXBASE_SECRET`: 32 bytes, the same in all processes. */
  readonly secret: Uint8Array;
  /** Makes a handle on a database server; this room knows no dialect. */
  readonly connectServer: ConnectServer;
  /** Connections a database server (`FLUXBASE_DB_CONNECTIONS`); by default a share of all. */
  readonly connections?: number | undefined;
  /** Milliseconds without a request after which a project's database closes; 10 minutes. */
  readonly idleAfterMs?: number | undefined;
  readonly log?: ControlLog | undefined;
  /** Called after each step of a project's life-cycle; for tests of what a crash leaves behind. */
  readonly onStep?: ((step: LifeCycleStep) => void) | undefined;
}

/** The control plane and what the rooms above it stand on. */
export interface OpenedControlPlane extends ControlPlane {
  /** For single statements. */
  readonly sql: ControlSql;
  readonly changes: Changes;
  readonly secrets: Secrets;
  /** For several statements of which all or none shall count. */
  transaction<T>(work: (tx: ControlQuery) => Promise<T>): Promise<T>;
  /** Live Fluxbase processes, this one included. */
  readonly liveProcesses: number;
  /** Resolves once no project is half-made or half-removed; `PROJECT_UNAVAILABLE` after the time. */
  settle(timeoutMs: number): Promise<void>;
}

const IDLE_AFTER_MS = 10 * 60_000;
const PROJECT_ID = /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/;

/**
 * Opens the control plane: makes or upgrades its schema, prepares the first database server and
 * begins to finish what dead processes left half-done. Throws `DATABASE_UNAVAILABLE` or
 * `SERVER_UNSUITABLE` with one line that says what to mend.
 */
export async function openControlPlane(options: ControlPlaneOptions): Promise<OpenedControlPlane> {
  const { url, log } = options;
  await using undo = new AsyncDisposableStack();
  const secrets = new Secrets(options.secret);
  const database = new ControlDatabase(url);
  const { sql } = database;
  undo.defer(() => database.close());
  await requireReachable(sql, url);

  const first = options.connectServer("postgres", url, { first: true });
  const changes = new Changes(
    (onnotify) => connectControl(url, { max: 1, name: "fluxbase changes", onnotify }),
    log,
  );
  const servers = new Servers({
    database,
    changes,
    secrets,
    connectServer: options.connectServer,
    first: { url, server: first },
    connections: options.connections,
  });
  undo.defer(async () => {
    await servers.close();
    await first.close();
  });
  const report = await first.inspect();
  await migrateControl(database);
  await requireSameSecret(sql, secrets);
  await servers.registerFirst(report);
  for (const lack of report.lacks) {
    log?.warn('Database server "{server}" lacks something: {lack}', { server: FIRST_SERVER, lack });
  }
  await first.prepare();

  undo.defer(() => changes.close());
  await control(changes.start());
  const processes = new Processes(sql, changes, {
    onCount: (live) => servers.setLiveProcesses(live),
    log,
  });
  undo.defer(() => processes.close());
  await control(processes.start());
  const projects = new OpenProjects({
    sql,
    changes,
    servers,
    toProject,
    idleAfterMs: options.idleAfterMs ?? IDLE_AFTER_MS,
    log,
  });
  undo.defer(() => projects.close());
  const workers = new Workers({ database, servers, log, onStep: options.onStep });
  undo.defer(() => workers.close());
  workers.start();
  return new Plane(
    { database, changes, secrets, servers, processes, projects, workers },
    undo.move(),
  );
}

interface Parts {
  readonly database: ControlDatabase;
  readonly changes: Changes;
  readonly secrets: Secrets;
  readonly servers: Servers;
  readonly processes: Processes;
  readonly projects: OpenProjects;
  readonly workers: Workers;
}

class Plane implements OpenedControlPlane {
  readonly sql: ControlSql;
  readonly changes: Changes;
  readonly secrets: Secrets;
  readonly #parts: Parts;
  readonly #resources: AsyncDisposableStack;

  constructor(parts: Parts, resources: AsyncDisposableStack) {
    this.sql = parts.database.sql;
    this.changes = parts.changes;
    this.secrets = parts.secrets;
    this.#parts = parts;
    this.#resources = resources;
  }

  get liveProcesses(): number {
    return this.#parts.processes.live;
  }

  transaction<T>(work: (tx: ControlQuery) => Promise<T>): Promise<T> {
    return this.#parts.database.transaction(work);
  }

  async createProject(
    input: { id: string; dialect: DialectName; server?: string },
  ): Promise<Project> {
    if (!PROJECT_ID.test(input.id)) {
      throw new FluxbaseError(
        "BAD_REQUEST",
        `Project id "${input.id}" must be 2 to 40 of a-z, 0-9 and "-", ` +
          "with a letter first and no dash last",
      );
    }
    return await this.#toProject(await this.#parts.workers.create(input));
  }

  async listProjects(): Promise<Project[]> {
    const listed = await control(rows.readProjects(this.sql));
    return await Promise.all(listed.map((row) => this.#toProject(row)));
  }

  async getProject(id: string): Promise<Project> {
    const row = await control(rows.readProject(this.sql, id));
    if (row === undefined) throw rows.notAnswering(id, "absent");
    return await this.#toProject(row);
  }

  async deleteProject(id: string): Promise<void> {
    await this.transaction(async (tx) => {
      await rows.markDeleting(tx, id);
      await recordChange(tx, "project", id);
    });
    this.changes.announce({ kind: "project", subject: id });
    this.#parts.workers.removeSoon();
  }

  async updateSettings(id: string, patch: Readonly<Record<string, unknown>>): Promise<Project> {
    const row = await this.transaction(async (tx) => {
      const written = await rows.writeSettings(tx, id, (overlay) => patchSettings(overlay, patch));
      await recordChange(tx, "project", id);
      return written;
    });
    this.changes.announce({ kind: "project", subject: id });
    return await this.#toProject(row);
  }

  async installExtension(id: string, name: string): Promise<void> {
    const row = await control(rows.readProject(this.sql, id));
    if (row?.state !== "ready") throw rows.notAnswering(id, row?.state ?? "absent");
    const server = await this.#parts.servers.handle(row.server);
    await this.#parts.projects.migrate(row, server);
    await server.installExtension({ token: row.token }, name);
  }

  open(id: string): OpenProject | Promise<OpenProject> {
    return this.#parts.projects.open(id);
  }

  addServer(input: { name: string; dialect: DialectName; url: string }): Promise<ServerInfo> {
    return this.#parts.servers.add(input);
  }

  listServers(): Promise<ServerInfo[]> {
    return this.#parts.servers.list();
  }

  updateServer(name: string, patch: { state: "active" | "draining" }): Promise<ServerInfo> {
    return this.#parts.servers.update(name, patch);
  }

  audit(act: AuditAct): Promise<void> {
    return writeAudit(this.sql, act);
  }

  async ping(): Promise<void> {
    await control(this.sql`SELECT 1`);
  }

  settle(timeoutMs: number): Promise<void> {
    return this.#parts.workers.settle(timeoutMs);
  }

  close(): Promise<void> {
    return this.#resources.disposeAsync();
  }

  async #toProject(row: rows.ProjectRow): Promise<Project> {
    return toProject(row, await this.#parts.servers.handle(row.server));
  }
}

function toProject(row: rows.ProjectRow, server: DatabaseServer): Project {
  const { id, token, dialect, state, settings, created_at } = row;
  return {
    id,
    dialect,
    server: row.server,
    state,
    roles: server.roleNames({ token }),
    settings: settingsOf(settings),
    createdAt: created_at.toISOString(),
  };
}

async function requireReachable(sql: ControlSql, url: string): Promise<void> {
  try {
    await sql`SELECT 1`;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new FluxbaseError(
      "DATABASE_UNAVAILABLE",
      `Cannot reach the control plane's database at ${hostOf(url)}: ${why}`,
      { cause },
    );
  }
}

/** Roles' passwords and sealed URLs derive from the secret: another one would open nothing. */
async function requireSameSecret(sql: ControlSql, secrets: Secrets): Promise<void> {
  const check = createHmac("sha256", secrets.derive("secret check")).update("fluxbase").digest();
  await control(sql`
    INSERT INTO fluxbase_control.facts (name, value) VALUES ('secret_check', ${check})
    ON CONFLICT (name) DO NOTHING`);
  const [row] = await control(sql<{ value: Uint8Array }[]>`
    SELECT value FROM fluxbase_control.facts WHERE name = 'secret_check'`);
  if (row !== undefined && timingSafeEqual(row.value, check)) return;
  throw new FluxbaseError(
    "SERVER_UNSUITABLE",
    "FLUXBASE_SECRET is not the secret that this control plane was made with: " +
      "set the one that its other servers use",
  );
}
