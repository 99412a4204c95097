/**
 * Makes and removes what projects have on their servers, and goes on with what dead processes left
 * undone (see `life_cycle.ts` for the rules).
 *
 * @module
 */
import { asFluxbaseError, FluxbaseError } from "../errors.ts";
import type { DialectName } from "../databases/database.ts";
import { Semaphore } from "../databases/semaphore.ts";
import type { ControlDatabase } from "./control_database.ts";
import { control, within } from "./control_sql.ts";
import * as rows from "./project_rows.ts";
import type { ProjectRow } from "./project_rows.ts";
import type { Servers } from "./servers.ts";
import type { ControlLog } from "./types.ts";

/** What has just been done when `onStep` is called; the process may die after each. */
export type LifeCycleStep =
  | "row written"
  | "database made"
  | "ready"
  | "marked as deleting"
  | "database dropped"
  | "drop recorded"
  | "row removed";

/** Projects that one process works on at once; each holds one connection for its lock. */
export const WORKERS = 2;
const SWEEP_MS = 5_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 30_000;
const CLOSE_MS = 5_000;
/** A database server that does not answer for so long is tried again later. */
const STEP_DEADLINE_MS = 120_000;

interface WorkersOptions {
  readonly database: ControlDatabase;
  readonly servers: Servers;
  readonly log?: ControlLog | undefined;
  readonly onStep?: ((step: LifeCycleStep) => void) | undefined;
}

/** This process's workers on projects. */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #retries = new Map<string, { at: number; delay: number }>();
  readonly #places = new Semaphore(WORKERS);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextSweep = Number.POSITIVE_INFINITY;
  #sweeping: Promise<void> | undefined;
  #closed = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** Begins with what was left undone. */
  start(): void {
    this.#sweepIn(0);
  }

  /** Makes a project; resolves once it is ready. */
  async create(input: { id: string; dialect: DialectName; server?: string }): Promise<ProjectRow> {
    const token = randomToken();
    const made = await this.#exclusively(token, () => this.#create(token, input));
    if (made === undefined) throw new Error("Lock of a new token is taken");
    return made;
  }

  /** Goes on with a removal soon. */
  removeSoon(): void {
    this.#step("marked as deleting");
    this.#sweepIn(0);
  }

  /** Resolves once no project is half-made or half-removed; rejects after `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (true) {
      await this.#sweep();
      await Promise.allSettled(this.#running.values());
      const { tokens, held } = await control(rows.readUnfinished(this.#options.database.sql));
      if (tokens.length === 0 && !held) return;
      if (performance.now() > end) {
        throw new FluxbaseError(
          "PROJECT_UNAVAILABLE",
          `Projects are still being made or removed after ${timeoutMs} ms`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Begins nothing new, and gives what is under way a few seconds; the rest is resumed later. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      Promise.allSettled(this.#running.values()),
      new Promise((resolve) => timer = setTimeout(resolve, CLOSE_MS)),
    ]);
    clearTimeout(timer);
  }

  async #create(
    token: string,
    { id, dialect, server: wanted }: { id: string; dialect: DialectName; server?: string },
  ): Promise<ProjectRow> {
    const { database, servers } = this.#options;
    const row = await database.transaction(async (tx) => {
      const server = await servers.place(tx, dialect, wanted);
      return await rows.insertProject(tx, { id, token, dialect, server });
    });
    this.#step("row written");
    try {
      return await this.#finishCreating(row);
    } catch (failure) {
      // Where even this cannot be written, the row stays and the project is finished later.
      await rows.markFailed(database.sql, row).catch(() => {});
      this.#sweepIn(0);
      throw failure;
    }
  }

  async #finishCreating(row: ProjectRow): Promise<ProjectRow> {
    const server = await this.#options.servers.handle(row.server);
    await within(STEP_DEADLINE_MS, server.create({ token: row.token }));
    this.#step("database made");
    if (!await control(rows.markReady(this.#options.database.sql, row))) {
      // Deleted meanwhile, or taken over by another process after this one's lock was lost.
      if (await control(rows.isGone(this.#options.database.sql, row.token))) {
        await server.drop({ token: row.token });
      }
      this.#sweepIn(0);
      throw rows.notAnswering(row.id, "deleting");
    }
    this.#step("ready");
    return { ...row, state: "ready" };
  }

  async #remove(row: ProjectRow): Promise<void> {
    const server = await this.#options.servers.handle(row.server);
    await within(STEP_DEADLINE_MS, server.drop({ token: row.token }));
    this.#step("database dropped");
    await control(rows.markDropped(this.#options.database.sql, row));
    this.#step("drop recorded");
    this.#sweepIn(rows.ID_HOLD_MS);
  }

  /** Looks for work that nobody does, and begins it; waits for none of it. */
  async #sweep(): Promise<void> {
    const { sql } = this.#options.database;
    const { tokens, held } = await control(rows.readUnfinished(sql));
    if (held && await control(rows.removeDropped(sql)) > 0) this.#step("row removed");
    for (const token of this.#retries.keys()) {
      if (!tokens.includes(token)) this.#retries.delete(token);
    }
    for (const token of tokens) {
      const retry = this.#retries.get(token);
      if (this.#running.has(token) || (retry !== undefined && retry.at > Date.now())) continue;
      this.#exclusively(token, () => this.#takeUp(token)).catch((failure: unknown) => {
        this.#retryLater(token, failure);
      });
    }
    if (held) this.#sweepIn(rows.ID_HOLD_MS / 4);
  }

  async #takeUp(token: string): Promise<void> {
    const row = await control(rows.claimProject(this.#options.database.sql, token));
    if (row === undefined) return;
    await (row.state === "creating" ? this.#finishCreating(row) : this.#remove(row));
    this.#retries.delete(token);
    if (row.state === "creating") {
      this.#options.log?.info('Finished making project "{project}"', { project: row.id });
    }
  }

  #retryLater(token: string, failure: unknown): void {
    const last = this.#retries.get(token)?.delay;
    const delay = last === undefined ? FIRST_RETRY_MS : Math.min(2 * last, LAST_RETRY_MS);
    this.#retries.set(token, { at: Date.now() + delay, delay });
    this.#sweepIn(delay);
    const { code, message } = asFluxbaseError(failure);
    this.#options.log?.warn("Could not finish making or removing a project, trying again: {why}", {
      why: message,
      code,
      failure,
    });
  }

  /**
   * Runs work on a project while no other process does (invariant 3); returns without having run
   * it when another one is at it.
   */
  #exclusively<T>(token: string, work: () => Promise<T>): Promise<T | undefined> {
    const running = this.#withLock(token, work);
    this.#running.set(token, running);
    const done = () => this.#running.delete(token);
    running.then(done, done);
    return running;
  }

  #withLock<T>(token: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.#places.run(async () => {
      if (this.#closed) throw new FluxbaseError("SHUTTING_DOWN", "The server is stopping");
      // The lock ends with the session; nothing else is asked of it.
      await using session = this.#options.database.session("fluxbase worker");
      const [row] = await control(session.query<{ locked: boolean }[]>`
        SELECT pg_try_advisory_lock(hashtextextended(${token}, 0)) AS locked`);
      // A worker without its lock may have been replaced: nothing waits for it any longer.
      if (row?.locked === true) return await control(session.whileHeld(work()));
      this.#sweepIn(FIRST_RETRY_MS);
      return undefined;
    });
  }

  /** Sweeps in `ms` at the latest, and every few seconds in any case. */
  #sweepIn(ms: number): void {
    if (this.#closed) return;
    const at = Date.now() + ms;
    if (at >= this.#nextSweep) return;
    this.#nextSweep = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#nextSweep = Number.POSITIVE_INFINITY;
      this.#sweeping = this.#sweep().catch((failure: unknown) => {
        this.#options.log?.warn("Could not look for unfinished projects: {why}", {
          why: asFluxbaseError(failure).message,
          failure,
        });
      });
      this.#sweepIn(SWEEP_MS);
    }, ms);
  }

  #step(step: LifeCycleStep): void {
    this.#options.onStep?.(step);
  }
}

/** 128 random bits: names on a server are made of them and cannot be guessed or met again. */
function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
