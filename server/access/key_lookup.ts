import { type ControlSql, REQUEST_DEADLINE_MS, within } from "../projects/control_sql.ts";
import type { KeyKind, Scope } from "./principal.ts";

/** A key as it is stored. */
export interface StoredKey {
  readonly id: string;
  readonly project_id: string;
  readonly kind: KeyKind;
  readonly scopes: readonly Scope[];
  readonly hash: Uint8Array;
  readonly expires_at: Date | null;
}

interface Batch {
  readonly ids: Set<string>;
  readonly found: Promise<ReadonlyMap<string, StoredKey>>;
}

/**
 * Reads keys by public id, many in one statement: while one statement is under way, those that are
 * asked for meanwhile wait for the next. A flood of made-up ids costs one connection, not all.
 */
export class KeyLookup {
  readonly #sql: ControlSql;
  #running: Promise<unknown> = Promise.resolve();
  #next: Batch | undefined;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  /** The key as it is stored at some moment after this call. */
  async find(id: string): Promise<StoredKey | undefined> {
    const batch = this.#next ??= this.#begin();
    batch.ids.add(id);
    return (await batch.found).get(id);
  }

  #begin(): Batch {
    const ids = new Set<string>();
    const found = this.#running.then(() => {
      this.#next = undefined;
      return this.#read([...ids]);
    });
    this.#running = found.catch(() => {});
    return { ids, found };
  }

  async #read(ids: string[]): Promise<ReadonlyMap<string, StoredKey>> {
    const rows = await within(
      REQUEST_DEADLINE_MS,
      this.#sql<StoredKey[]>`
        SELECT id, project_id, kind, to_json(scopes) AS scopes, hash, expires_at
        FROM fluxbase_control.keys WHERE id = ANY (string_to_array(${ids.join()}, ','))`,
    );
    return new Map(rows.map((row) => [row.id, row]));
  }
}
