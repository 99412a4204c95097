import type { ControlSql } from "../projects/control_sql.ts";
import type { ControlLog } from "../projects/types.ts";

const FLUSH_MS = 5_000;
/** A key's last use is written at most so often; lists are no more exact than this. */
const EACH_MS = 60_000;
/** Past so many keys in a minute the oldest marks are forgotten, and written once more at worst. */
const MAX_MARKS = 100_000;

/** When keys were last used, written behind the requests and in batches. */
export class KeyUse {
  readonly #sql: ControlSql;
  readonly #log: ControlLog | undefined;
  /** When a use was last noted to be written, by key id. */
  readonly #noted = new Map<string, number>();
  #pending = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(sql: ControlSql, log?: ControlLog) {
    this.#sql = sql;
    this.#log = log;
  }

  /** A key was used at `now` (milliseconds since the epoch). */
  note(keyId: string, now: number): void {
    const noted = this.#noted.get(keyId);
    if (noted !== undefined && now - noted < EACH_MS) return;
    if (this.#noted.size >= MAX_MARKS) this.#noted.clear();
    this.#noted.set(keyId, now);
    this.#pending.set(keyId, now);
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Writes what is pending; a failure is logged, the uses are lost. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  close(): Promise<void> {
    return this.flush();
  }

  async #write(): Promise<void> {
    if (this.#pending.size === 0) return;
    const uses = this.#pending;
    this.#pending = new Map();
    try {
      // Rows that another process is writing are skipped: it writes the same.
      await this.#sql`
        WITH uses AS (
          SELECT id, to_timestamp(used_at / 1000) AS used_at
          FROM unnest(
            string_to_array(${[...uses.keys()].join()}, ','),
            string_to_array(${[...uses.values()].join()}, ',')::float8[]
          ) AS used (id, used_at)
        ), due AS (
          SELECT keys.id, uses.used_at FROM fluxbase_control.keys JOIN uses ON uses.id = keys.id
          WHERE last_used_at IS NULL OR last_used_at < uses.used_at
          ORDER BY keys.id FOR UPDATE OF keys SKIP LOCKED
        )
        UPDATE fluxbase_control.keys SET last_used_at = due.used_at
        FROM due WHERE keys.id = due.id`;
    } catch (failure) {
      this.#log?.warn("Could not write when keys were last used", { failure });
    }
  }
}
