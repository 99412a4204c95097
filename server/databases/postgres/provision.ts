/**
 * Makes, upgrades and removes a project's database and logins. Every step may find its work done
 * already, by an earlier run that died or by another process: whatever was killed where, calling
 * again finishes it.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import { type Placement, ROLE_NAMES } from "../database.ts";
import type { Semaphore } from "../semaphore.ts";
import { databaseName, loginName, type PostgresAddress } from "./address.ts";
import { type Admin, errorCode, inDatabase } from "./admin.ts";
import type { Statements } from "./dedicated.ts";
import { type LoginLimits, loginNames, setLogins } from "./logins.ts";
import { applySteps, type Blueprint, stepsOf } from "./template/steps.ts";
import { ensureTemplate, majorVersion } from "./template/template.ts";

/** What provisioning works with. */
export interface Provisioning {
  readonly admin: Admin;
  /** Of projects that are made or removed at once: each holds a connection of its own. */
  readonly places: Semaphore;
  readonly address: PostgresAddress;
  readonly blueprint: Blueprint;
  readonly limits: LoginLimits;
  /** Told each step's name when it is done; what it throws ends the run there. */
  readonly onStep?: (step: string) => void;
}

/** Makes the project's database and logins; the last step is what lets the logins connect. */
export async function createProject(it: Provisioning, placement: Placement): Promise<void> {
  const name = databaseName(checkedPlacement(placement));
  const template = await ensureTemplate(it.admin, it.address, it.blueprint);
  it.onStep?.("template");
  await withProjectLock(it, placement, async (held) => {
    await setLogins(held, it.address, placement, it.limits);
    it.onStep?.("logins");
    await cloneTemplate(held, name, template).catch(async (error: unknown) => {
      // A newer Fluxbase has just removed this older one's template: make it again.
      if (errorCode(error) !== "3D000") throw error;
      await cloneTemplate(held, name, await ensureTemplate(held, it.address, it.blueprint));
    });
    it.onStep?.("database");
    // A clone does not take the template's ACL along: by default everybody may connect.
    await held.unsafe(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    it.onStep?.("closed");
    await held.unsafe(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    it.onStep?.("reachable");
    await migrateProject(it, placement);
    it.onStep?.("contents");
    const logins = ROLE_NAMES.map((role) => loginName(placement, role)).join(", ");
    await held.unsafe(`GRANT CONNECT ON DATABASE ${name} TO ${logins}`);
    it.onStep?.("open");
  });
}

async function cloneTemplate(held: Statements, name: string, template: string): Promise<void> {
  const [found] = await held<{ broken: boolean }[]>`
    SELECT datconnlimit = -2 AS broken FROM pg_catalog.pg_database WHERE datname = ${name}`;
  if (found?.broken === false) return;
  // The mark of a removal that was interrupted: such a database can only be removed.
  if (found !== undefined) await held.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
  await held.unsafe(
    `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy ALLOW_CONNECTIONS false`,
  );
}

/** Brings the platform's part of the project's database up to date; answers the steps that ran. */
export async function migrateProject(
  it: Provisioning,
  placement: Placement,
): Promise<string[]> {
  return await inDatabase(it.address, databaseName(checkedPlacement(placement)), async (inside) => {
    const steps = await stepsOf(
      it.blueprint,
      await majorVersion(inside.query),
      loginNames(placement),
    );
    return await applySteps(inside, it.blueprint.version, steps);
  });
}

/** What the guards of a project's database measure by. */
export interface GuardSettings {
  /** Tables, indexes, sequences, views and composite types that it may hold. Default 1,000. */
  readonly maxRelations?: number;
  /** Whether the owner may switch row security off. Default false. */
  readonly allowUnprotectedTables?: boolean;
}

/** Sets what is given, from the next command on, and leaves the rest. */
export async function setGuards(
  it: Provisioning,
  placement: Placement,
  settings: GuardSettings,
): Promise<void> {
  const { maxRelations, allowUnprotectedTables } = settings;
  await inDatabase(it.address, databaseName(checkedPlacement(placement)), async ({ query }) => {
    await query`
      UPDATE fluxbase.settings SET
        max_relations = coalesce(${maxRelations ?? null}::int4, max_relations),
        allow_unprotected_tables =
          coalesce(${allowUnprotectedTables ?? null}::bool, allow_unprotected_tables)`;
  });
}

/** Removes the project's database and logins, and whatever other databases hold of the logins. */
export async function dropProject(it: Provisioning, placement: Placement): Promise<void> {
  const name = databaseName(checkedPlacement(placement));
  await withProjectLock(it, placement, async (held) => {
    const [found] = await held<{ broken: boolean }[]>`
      SELECT datconnlimit = -2 AS broken FROM pg_catalog.pg_database WHERE datname = ${name}`;
    if (found !== undefined) {
      if (!found.broken) {
        await held.unsafe(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
        it.onStep?.("closed");
        await rollbackPrepared(it, held, placement);
      }
      it.onStep?.("prepared");
      await dropSlots(held, name);
      it.onStep?.("slots");
      await held.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
    it.onStep?.("database");
    for (const role of ROLE_NAMES) {
      await dropLogin(it, held, loginName(placement, role));
      it.onStep?.(role);
    }
  });
}

/** A prepared transaction keeps its database, and can be ended from inside of it only. */
async function rollbackPrepared(
  it: Provisioning,
  held: Statements,
  placement: Placement,
): Promise<void> {
  const name = databaseName(placement);
  const prepared = await held<{ gid: string }[]>`
    SELECT quote_literal(gid) AS gid FROM pg_prepared_xacts WHERE database = ${name}`;
  if (prepared.length === 0) return;
  await held.unsafe(
    `REVOKE ALL ON DATABASE ${name} FROM ${Object.values(loginNames(placement)).join(", ")}`,
  );
  await held.unsafe(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  try {
    await inDatabase(it.address, name, async ({ query }) => {
      for (const { gid } of prepared) await query.unsafe(`ROLLBACK PREPARED ${gid}`);
    });
  } finally {
    await held.unsafe(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  }
}

/** A replication slot keeps its database from being dropped, and WAL from being recycled. */
async function dropSlots(held: Statements, database: string): Promise<void> {
  await held`
    SELECT pg_catalog.pg_terminate_backend(active_pid, 5000)
    FROM pg_catalog.pg_replication_slots
    WHERE database = ${database} AND active_pid IS NOT NULL`;
  await held`
    SELECT pg_catalog.pg_drop_replication_slot(slot_name)
    FROM pg_catalog.pg_replication_slots WHERE database = ${database}`;
}

async function dropLogin(it: Provisioning, held: Statements, name: string): Promise<void> {
  const drop = () => held.unsafe(`DROP ROLE IF EXISTS ${name}`);
  try {
    await drop();
  } catch (error) {
    if (errorCode(error) !== "2BP01") throw error;
    // Another database names the role in a right or a policy. It owns nothing there.
    const databases = await held<{ datname: string }[]>`
      SELECT DISTINCT coalesce(d.datname, current_database()) AS datname
      FROM pg_catalog.pg_shdepend AS s
      LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
      WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = (
        SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ${name})`;
    for (const { datname } of databases) {
      await inDatabase(it.address, datname, async ({ query }) => {
        await query.unsafe(`DROP OWNED BY ${name}`);
      });
    }
    await drop();
  }
}

/**
 * One process at a time makes or removes a project. The lock ends with its connection, on which
 * `work` does all but what has to be done inside the project's database.
 */
async function withProjectLock(
  it: Provisioning,
  placement: Placement,
  work: (held: Statements) => Promise<void>,
): Promise<void> {
  await it.places.run(() =>
    inDatabase(it.address, undefined, async ({ query }) => {
      await query`SELECT pg_advisory_lock(hashtextextended(${placement.token}, 7158))`;
      await work(query);
    })
  );
}

/** Names of databases and logins stand in statements unquoted: nothing but the known form may. */
function checkedPlacement(placement: Placement): Placement {
  if (!/^[0-9a-f]{32}$/.test(placement.token)) {
    throw new FluxbaseError("INTERNAL", "A placement's token must be 32 hexadecimal digits");
  }
  return placement;
}
