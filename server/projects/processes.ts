/**
 * Which Fluxbase processes are alive, by a row each that beats, and what share of a database
 * server's connections follows from their number. Times are the database's, so that machines whose
 * clocks differ agree.
 *
 * @module
 */
import { recordChange } from "./changes.ts";
import type { Changes } from "./changes.ts";
import { type ControlSql, POOL_CONNECTIONS, TRANSACTIONS } from "./control_sql.ts";
import type { ControlLog } from "./types.ts";
import { WORKERS } from "./workers.ts";

const BEAT_MS = 3_000;
/** A process that has not beaten for so long is dead; with a beat on top, gone after 15 s. */
const EXPIRY = "12 seconds";

/** Connections of a server that are nobody's share: superusers, backups, people. */
const HEADROOM = 10;
/** What a process holds on every server beside its share: the dialect's administrative work. */
const ADMINISTRATION = 3;
/** What it holds on the first server on top: pool, transactions, listener, workers' locks. */
const CONTROL = POOL_CONNECTIONS + TRANSACTIONS + 1 + WORKERS;
const SMALLEST_SHARE = 2;

/** How many of a server's connections one of `live` processes may give to projects. */
export function connectionShare(
  maxConnections: number,
  live: number,
  { first }: { readonly first: boolean },
): number {
  const each = Math.floor((maxConnections - HEADROOM) / live);
  return Math.max(SMALLEST_SHARE, each - ADMINISTRATION - (first ? CONTROL : 0));
}

/** This process's heartbeat. */
export class Processes {
  readonly id: string = crypto.randomUUID();
  readonly #sql: ControlSql;
  readonly #changes: Changes;
  readonly #log: ControlLog | undefined;
  readonly #onCount: (live: number) => void;
  #live = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #beating: Promise<void> = Promise.resolve();
  #unsubscribe: (() => void) | undefined;
  #closed = false;

  /** `onCount` is called whenever the number of live processes differs from the last call's. */
  constructor(
    sql: ControlSql,
    changes: Changes,
    { onCount, log }: {
      readonly onCount: (live: number) => void;
      readonly log?: ControlLog | undefined;
    },
  ) {
    this.#sql = sql;
    this.#changes = changes;
    this.#onCount = onCount;
    this.#log = log;
  }

  /** Live processes, this one included, as the last beat saw them. */
  get live(): number {
    return this.#live;
  }

  async start(): Promise<void> {
    await this.#beat();
    await this.#tellOthers();
    this.#unsubscribe = this.#changes.subscribe((change) => {
      if (change.kind === "all" || (change.kind === "process" && change.subject !== this.id)) {
        this.#beatBehind();
      }
    });
    this.#timer = setInterval(() => this.#beatBehind(), BEAT_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    await this.#beating;
    try {
      await this.#sql`DELETE FROM fluxbase_control.processes WHERE id = ${this.id}`;
      await this.#tellOthers();
    } catch {
      // The row expires by itself.
    }
  }

  #beatBehind(): void {
    if (this.#closed) return;
    this.#beating = this.#beating.then(() => this.#beat()).catch((failure: unknown) => {
      this.#log?.warn("Could not renew this process's heartbeat: {failure}", {
        failure: failure instanceof Error ? failure.message : String(failure),
      });
    });
  }

  async #beat(): Promise<void> {
    const [row] = await this.#sql<{ others: number }[]>`
      WITH mine AS (
        INSERT INTO fluxbase_control.processes (id) VALUES (${this.id})
        ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
      ), dead AS (
        DELETE FROM fluxbase_control.processes
        WHERE seen_at < clock_timestamp() - ${EXPIRY}::interval AND id <> ${this.id}
      )
      SELECT count(*)::int AS others FROM fluxbase_control.processes
      WHERE seen_at >= clock_timestamp() - ${EXPIRY}::interval AND id <> ${this.id}`;
    const live = (row?.others ?? 0) + 1;
    if (live === this.#live) return;
    this.#live = live;
    this.#onCount(live);
  }

  async #tellOthers(): Promise<void> {
    await recordChange(this.#sql, "process", this.id);
  }
}
