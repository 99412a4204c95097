/**
 * The keys of projects: made, listed, revoked, and known again. Only a peppered hash is stored. A
 * key that was used lately is recognised from memory; what other processes revoke or delete leaves
 * that memory within a second (see `Changes`).
 *
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { FluxbaseError } from "../errors.ts";
import { type Change, recordChange } from "../projects/changes.ts";
import type { OpenedControlPlane } from "../projects/control_plane.ts";
import { control } from "../projects/control_sql.ts";
import type { ControlLog } from "../projects/types.ts";
import { generateKey, publicIdOf } from "./key_format.ts";
import { KeyLookup, type StoredKey } from "./key_lookup.ts";
import { KeyUse } from "./key_use.ts";
import type { KeyKind, Principal, Scope } from "./principal.ts";
import { SCOPES } from "./principal.ts";
import { RecentCache } from "./recent_cache.ts";

/** A key as lists show it: never the secret. Times are ISO 8601 in UTC. */
export interface KeyInfo {
  readonly id: string;
  readonly kind: KeyKind;
  readonly scopes: readonly Scope[];
  readonly name: string | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

/** What a new key shall be. */
export interface NewKey {
  readonly scopes: readonly Scope[];
  /** `secret` by default. */
  readonly kind?: KeyKind;
  readonly name?: string;
  /** ISO 8601. */
  readonly expiresAt?: string;
}

type Plane = Pick<OpenedControlPlane, "sql" | "transaction" | "changes" | "secrets">;

interface Known {
  readonly principal: Principal;
  /** Milliseconds since the epoch; infinite for a key that does not expire. */
  readonly expiresAt: number;
  /** `performance.now()` of the look-up. */
  readonly confirmedAt: number;
}

interface KeyRow {
  readonly id: string;
  readonly kind: KeyKind;
  readonly scopes: Scope[];
  readonly name: string | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
}

/** Keys in memory, a generation; two generations are held. */
const REMEMBERED = 10_000;
const MAX_NAME = 200;
/** Compared with when no key has the id, so that both cases take the same time. */
const NO_HASH = new Uint8Array(32);

/** All projects' keys. */
export class Keys {
  readonly #plane: Plane;
  readonly #pepper: Uint8Array;
  readonly #known = new RecentCache<Known>(REMEMBERED);
  readonly #lookup: KeyLookup;
  readonly #use: KeyUse;
  readonly #unsubscribe: () => void;
  /** Raised by every revocation: a look-up from before it is not remembered. */
  #revocations = 0;

  constructor(plane: Plane, { log }: { readonly log?: ControlLog } = {}) {
    this.#plane = plane;
    this.#pepper = plane.secrets.derive("key hashes");
    this.#lookup = new KeyLookup(plane.sql);
    this.#use = new KeyUse(plane.sql, log);
    this.#unsubscribe = plane.changes.subscribe((change) => this.#changed(change));
  }

  /** Makes a key of a project that is ready; `key` is shown this once. */
  async create(
    projectId: string,
    wanted: NewKey,
  ): Promise<{ readonly id: string; readonly key: string }> {
    const { kind, scopes, name, expiresAt } = checked(wanted);
    const { id, key } = generateKey(kind);
    await this.#plane.transaction(async (tx) => {
      // The lock keeps a deletion, which takes the keys along, from passing by unseen.
      const [project] = await tx<{ state: string }[]>`
        SELECT state FROM fluxbase_control.projects WHERE id = ${projectId} FOR SHARE`;
      if (project === undefined) {
        throw new FluxbaseError("PROJECT_NOT_FOUND", `No project is called "${projectId}"`);
      }
      if (project.state !== "ready") {
        throw new FluxbaseError("PROJECT_UNAVAILABLE", `Project "${projectId}" is not ready`);
      }
      await tx`
        INSERT INTO fluxbase_control.keys (id, project_id, kind, scopes, name, hash, expires_at)
        VALUES (${id}, ${projectId}, ${kind}, string_to_array(${[...scopes].join()}, ','), ${name},
          ${this.#hash(key)}, ${expiresAt})`;
    });
    return { id, key };
  }

  /** A project's keys, oldest first. */
  async list(projectId: string): Promise<KeyInfo[]> {
    await this.#use.flush();
    const rows = await control(this.#plane.sql<KeyRow[]>`
      SELECT id, kind, to_json(scopes) AS scopes, name, created_at, expires_at, last_used_at
      FROM fluxbase_control.keys WHERE project_id = ${projectId} ORDER BY created_at, id`);
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      scopes: row.scopes,
      name: row.name,
      createdAt: row.created_at.toISOString(),
      expiresAt: row.expires_at?.toISOString() ?? null,
      lastUsedAt: row.last_used_at?.toISOString() ?? null,
    }));
  }

  /** Ends a key at once here and within a second in every process; `KEY_NOT_FOUND`. */
  async revoke(projectId: string, keyId: string): Promise<void> {
    await this.#plane.transaction(async (tx) => {
      const deleted = await tx`
        DELETE FROM fluxbase_control.keys WHERE id = ${keyId} AND project_id = ${projectId}`;
      if (deleted.count === 0) {
        throw new FluxbaseError(
          "KEY_NOT_FOUND",
          `Project "${projectId}" has no key with the id "${keyId}"`,
        );
      }
      await recordChange(tx, "key", keyId);
    });
    this.#plane.changes.announce({ kind: "key", subject: keyId });
  }

  /**
   * The sender that a key (the text after `Bearer `) speaks for; synchronous when it was used
   * lately. `UNAUTHORIZED`, in the same words for unknown, malformed and revoked keys.
   */
  authenticate(bearer: string): Principal | Promise<Principal> {
    const known = this.#known.get(bearer);
    if (known !== undefined && this.#plane.changes.fresh(performance.now(), known.confirmedAt)) {
      return this.#admit(known);
    }
    const id = publicIdOf(bearer);
    if (id === undefined) throw invalid();
    return this.#recognise(bearer, id);
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#known.clear();
    await this.#use.close();
  }

  async #recognise(bearer: string, id: string): Promise<Principal> {
    const revocations = this.#revocations;
    const confirmedAt = performance.now();
    const stored = await this.#lookup.find(id);
    const same = timingSafeEqual(this.#hash(bearer), stored?.hash ?? NO_HASH);
    if (stored === undefined || !same) {
      this.#known.delete(bearer);
      throw invalid();
    }
    const known: Known = { ...principalOf(stored), confirmedAt };
    if (revocations === this.#revocations) this.#known.set(bearer, known);
    return this.#admit(known);
  }

  #admit({ principal, expiresAt }: Known): Principal {
    const now = Date.now();
    if (now >= expiresAt) throw new FluxbaseError("UNAUTHORIZED", "The key has expired");
    this.#use.note(principal.keyId, now);
    return principal;
  }

  #changed(change: Change): void {
    if (change.kind === "all") {
      this.#revocations++;
      this.#known.clear();
    } else if (change.kind === "key") {
      this.#revocations++;
      this.#known.deleteWhere(({ principal }) => principal.keyId === change.subject);
    } else if (change.kind === "project") {
      this.#revocations++;
      this.#known.deleteWhere(({ principal }) => principal.projectId === change.subject);
    }
  }

  #hash(key: string): Uint8Array {
    return createHmac("sha256", this.#pepper).update(key).digest();
  }
}

function invalid(): FluxbaseError {
  return new FluxbaseError("UNAUTHORIZED", "The key is not valid");
}

function principalOf(stored: StoredKey): Pick<Known, "principal" | "expiresAt"> {
  const { id, project_id, kind, scopes, expires_at } = stored;
  return {
    principal: Object.freeze({
      projectId: project_id,
      keyId: id,
      kind,
      scopes: new Set(scopes),
    }),
    expiresAt: expires_at?.getTime() ?? Number.POSITIVE_INFINITY,
  };
}

interface CheckedKey {
  readonly kind: KeyKind;
  readonly scopes: ReadonlySet<Scope>;
  readonly name: string | null;
  readonly expiresAt: Date | null;
}

function checked({ kind = "secret", scopes, name, expiresAt }: NewKey): CheckedKey {
  const held = new Set(scopes);
  if (held.size === 0) throw bad("A key needs at least one scope");
  for (const scope of held) {
    if (!SCOPES.includes(scope)) throw bad(`No scope is called "${scope}"`);
  }
  if (kind === "publishable" && held.has("sql:ddl")) {
    throw bad('A publishable key cannot hold the scope "sql:ddl"');
  }
  if (name !== undefined && name.length > MAX_NAME) {
    throw bad(`Name of a key can have ${MAX_NAME} characters, not ${name.length}`);
  }
  const expiry = expiresAt === undefined ? null : new Date(expiresAt);
  if (expiry !== null && Number.isNaN(expiry.getTime())) {
    throw bad(`Expiry "${expiresAt}" is not a time in ISO 8601`);
  }
  return { kind, scopes: held, name: name ?? null, expiresAt: expiry };
}

function bad(message: string): FluxbaseError {
  return new FluxbaseError("BAD_REQUEST", message);
}
