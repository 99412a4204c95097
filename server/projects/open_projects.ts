/**
 * The projects that this process has open. A request finds its project here without a promise and
 * without asking the control plane; what others change is learnt from `Changes` within a second.
 *
 * @module
 */
import type { Database, DatabaseServer } from "../databases/database.ts";
import { FluxbaseError } from "../errors.ts";
import type { Change, Changes } from "./changes.ts";
import { type ControlSql, REQUEST_DEADLINE_MS, within } from "./control_sql.ts";
import { notAnswering, type ProjectRow, readProject } from "./project_rows.ts";
import type { Servers } from "./servers.ts";
import { TrackedDatabase } from "./tracked_database.ts";
import type { ControlLog, OpenProject, Project } from "./types.ts";

const SWEEP_MS = 30_000;

interface Entry {
  readonly token: string;
  readonly database: TrackedDatabase;
  open: OpenProject;
  /** False once something changed; the next request reads the row again. */
  current: boolean;
  /** `performance.now()` when the row was read that `open` shows. */
  readAt: number;
  usedAt: number;
}

interface Opening {
  readonly promise: Promise<OpenProject>;
  /** Set when something changed since the row was read: it is read once more. */
  outdated: boolean;
}

interface OpenProjectsOptions {
  readonly sql: ControlSql;
  readonly changes: Changes;
  readonly servers: Servers;
  readonly toProject: (row: ProjectRow, server: DatabaseServer) => Project;
  /** Milliseconds without a request after which a project's database is closed. */
  readonly idleAfterMs: number;
  readonly log?: ControlLog | undefined;
}

/** Projects by id, opened when first asked for. */
export class OpenProjects {
  readonly #options: OpenProjectsOptions;
  readonly #changes: Changes;
  readonly #entries = new Map<string, Entry>();
  readonly #openings = new Map<string, Opening>();
  /** Tokens whose databases this process has brought up to date. */
  readonly #migrated = new Map<string, Promise<void>>();
  readonly #closings = new Set<Promise<void>>();
  readonly #unsubscribe: () => void;
  readonly #timer: ReturnType<typeof setTimeout>;
  #closed = false;

  constructor(options: OpenProjectsOptions) {
    this.#options = options;
    this.#changes = options.changes;
    this.#unsubscribe = options.changes.subscribe((change) => this.#changed(change));
    this.#timer = setInterval(
      () => this.#closeIdle(),
      Math.min(SWEEP_MS, options.idleAfterMs),
    );
  }

  /** The project's database; synchronous when it is open and surely current. */
  open(id: string): OpenProject | Promise<OpenProject> {
    const entry = this.#entries.get(id);
    if (entry?.current === true) {
      const now = performance.now();
      if (this.#changes.fresh(now, entry.readAt)) {
        entry.usedAt = now;
        return entry.open;
      }
    }
    return this.#openAnew(id);
  }

  /** Brings what the platform keeps in the project's database up to date, once a process. */
  migrate(row: Pick<ProjectRow, "token">, server: DatabaseServer): Promise<void> {
    let migrated = this.#migrated.get(row.token);
    if (migrated === undefined) {
      migrated = server.migrate({ token: row.token });
      this.#migrated.set(row.token, migrated);
      migrated.catch(() => this.#migrated.delete(row.token));
    }
    return migrated;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearInterval(this.#timer);
    await Promise.allSettled([...this.#openings.values()].map(({ promise }) => promise));
    for (const id of [...this.#entries.keys()]) this.#forget(id);
    await Promise.allSettled(this.#closings);
  }

  #openAnew(id: string): Promise<OpenProject> {
    if (this.#closed) {
      return Promise.reject(new FluxbaseError("SHUTTING_DOWN", "The server is stopping"));
    }
    const under = this.#openings.get(id);
    if (under !== undefined) return under.promise;
    const { promise, resolve, reject } = Promise.withResolvers<OpenProject>();
    const opening: Opening = { promise, outdated: false };
    this.#openings.set(id, opening);
    this.#read(id, opening)
      .finally(() => this.#openings.delete(id))
      .then(resolve, reject);
    return promise;
  }

  async #read(id: string, opening: Opening): Promise<OpenProject> {
    while (true) {
      opening.outdated = false;
      const readAt = performance.now();
      const row = await within(REQUEST_DEADLINE_MS, readProject(this.#options.sql, id));
      if (row?.state !== "ready") {
        this.#forget(id);
        throw notAnswering(id, row?.state ?? "absent");
      }
      const server = await this.#options.servers.handle(row.server);
      const upToDate = this.#migrated.has(row.token);
      await this.migrate(row, server);
      // The row may have changed meanwhile: nothing is answered from what was read before.
      if (!upToDate || opening.outdated) continue;
      const entry = this.#enter(row, server, readAt);
      entry.usedAt = performance.now();
      return entry.open;
    }
  }

  #enter(row: ProjectRow, server: DatabaseServer, readAt: number): Entry {
    const project = this.#options.toProject(row, server);
    const known = this.#entries.get(row.id);
    if (known !== undefined && known.token === row.token) {
      known.open = { project, database: known.database };
      known.readAt = readAt;
      known.current = true;
      return known;
    }
    if (known !== undefined) this.#forget(row.id);
    const database = new TrackedDatabase(server.open({ token: row.token }));
    const entry: Entry = {
      token: row.token,
      database,
      open: { project, database },
      current: true,
      readAt,
      usedAt: readAt,
    };
    this.#entries.set(row.id, entry);
    return entry;
  }

  #changed(change: Change): void {
    if (change.kind === "all") {
      for (const id of new Set([...this.#entries.keys(), ...this.#openings.keys()])) {
        this.#invalidate(id);
      }
    } else if (change.kind === "project") {
      this.#invalidate(change.subject);
    }
  }

  #invalidate(id: string): void {
    const opening = this.#openings.get(id);
    if (opening !== undefined) opening.outdated = true;
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.current = false;
    // A deleted project's connections are closed now, not at the next request, which may not come.
    if (!this.#closed) this.#openAnew(id).catch(() => {});
  }

  #closeIdle(): void {
    const now = performance.now();
    for (const [id, entry] of this.#entries) {
      if (entry.database.busy || now - entry.usedAt < this.#options.idleAfterMs) continue;
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#close(id, entry.database);
  }

  #close(id: string, database: Database): void {
    const closing = database.close().catch((failure: unknown) => {
      this.#options.log?.warn('Could not close the database of project "{project}"', {
        project: id,
        failure,
      });
    });
    this.#closings.add(closing);
    closing.finally(() => this.#closings.delete(closing));
  }
}
