/**
 * The administrator's key: for projects, keys and servers, never for a project's data. The control
 * plane's database holds its hash; all processes follow that hash.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type Changes, recordChange } from "../projects/changes.ts";
import type { OpenedControlPlane } from "../projects/control_plane.ts";
import { control, type ControlSql } from "../projects/control_sql.ts";

export { generateAdminKey } from "./key_format.ts";

/**
 * Characters that a key of the operator's own choice must have. The stored hash is a plain SHA-256:
 * right for what cannot be guessed, and only for that.
 */
export const ADMIN_KEY_MIN_LENGTH = 32;
const RETRY_MS = 500;

/** Recognises the administrator's key; holds its hash only. */
export class AdminKey {
  #hash: Uint8Array;

  private constructor(hash: Uint8Array) {
    this.#hash = hash;
  }

  /** Throws when the key is too short to be safe. */
  static fromPlain(key: string): AdminKey {
    if (key.length < ADMIN_KEY_MIN_LENGTH) {
      throw new Error(
        `Administrator's key must have at least ${ADMIN_KEY_MIN_LENGTH} characters, ` +
          `not ${key.length}`,
      );
    }
    return new AdminKey(hashOf(key));
  }

  /** From the 32 bytes of `hash`. */
  static fromHash(hash: Uint8Array): AdminKey {
    if (hash.length !== 32) throw new Error(`Hash must have 32 bytes, not ${hash.length}`);
    return new AdminKey(hash.slice());
  }

  /** What may be stored. */
  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  /** Whether this is the key; takes the same time whatever it is. */
  verify(bearer: string): boolean {
    return timingSafeEqual(hashOf(bearer), this.#hash);
  }

  /** Takes another key's place in this object, which requests hold on to. */
  become(other: AdminKey): void {
    this.#hash = other.hash;
  }
}

type Plane = Pick<OpenedControlPlane, "sql" | "transaction" | "changes">;

/** The stored administrator's key; undefined before the first start has set one. */
export async function readAdminKey(sql: ControlSql): Promise<AdminKey | undefined> {
  const [row] = await control(sql<{ hash: Uint8Array }[]>`
    SELECT hash FROM fluxbase_control.admin_keys`);
  return row === undefined ? undefined : AdminKey.fromHash(row.hash);
}

/** Stores a key's hash in place of the one before; every process follows within a second. */
export async function storeAdminKey(plane: Plane, key: AdminKey): Promise<void> {
  await plane.transaction(async (tx) => {
    await tx`
      INSERT INTO fluxbase_control.admin_keys (hash) VALUES (${key.hash})
      ON CONFLICT (singleton) DO UPDATE SET hash = excluded.hash, created_at = clock_timestamp()`;
    await recordChange(tx, "admin", "key");
  });
  plane.changes.announce({ kind: "admin", subject: "key" });
}

/** The hash of a first key, unless another process was quicker; the key that holds. */
export async function storeFirstAdminKey(plane: Plane, key: AdminKey): Promise<AdminKey> {
  await control(plane.sql`
    INSERT INTO fluxbase_control.admin_keys (hash) VALUES (${key.hash})
    ON CONFLICT (singleton) DO NOTHING`);
  return await readAdminKey(plane.sql) ?? key;
}

/** Keeps a key the same as the stored one; returns what ends it. */
export function followAdminKey(
  { sql, changes }: { readonly sql: ControlSql; readonly changes: Changes },
  key: AdminKey,
): () => void {
  let ended = false;
  let reading: Promise<void> = Promise.resolve();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const read = () => {
    // One after the other, so that an older answer never comes last.
    reading = reading.then(async () => {
      try {
        const stored = await readAdminKey(sql);
        if (stored !== undefined && !ended) key.become(stored);
      } catch {
        if (!ended) timer = setTimeout(read, RETRY_MS);
      }
    });
  };
  const unsubscribe = changes.subscribe((change) => {
    if (change.kind === "all" || change.kind === "admin") read();
  });
  return () => {
    ended = true;
    clearTimeout(timer);
    unsubscribe();
  };
}

function hashOf(key: string): Uint8Array {
  return createHash("sha256").update("fluxbase administrator's key\0").update(key).digest();
}
