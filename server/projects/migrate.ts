/**
 * Brings the control plane's schema up to date: one process at a time (advisory lock), one
 * transaction a step, so that a start that died goes on where it stopped.
 *
 * @module
 */
import { FluxbaseError } from "../errors.ts";
import type { ControlDatabase } from "./control_database.ts";
import { type Migration, MIGRATIONS } from "./migrations/mod.ts";

/** Any fixed number; "fluxctl" in hexadecimal ASCII. */
const LOCK = 0x666c757863746cn.toString();

const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS fluxbase_control;
  REVOKE ALL ON SCHEMA fluxbase_control FROM PUBLIC;
  CREATE TABLE IF NOT EXISTS fluxbase_control.migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`;

/** Applies what is missing; throws `SERVER_UNSUITABLE` when the schema is newer than this code. */
export async function migrateControl(
  database: ControlDatabase,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  await using session = database.session("fluxbase migration");
  // Another process may be at a long step: wait for it rather than fail.
  await session.query.unsafe("SET lock_timeout = 0; SET statement_timeout = 0");
  await session.query`SELECT pg_advisory_lock(${LOCK}::bigint)`;
  await session.query.unsafe(SCHEMA);
  const rows = await session.query<{ version: number }[]>`
    SELECT version FROM fluxbase_control.migrations`;
  const applied = new Set(rows.map(({ version }) => version));
  const newest = Math.max(0, ...applied);
  if (newest > migrations.length) {
    throw new FluxbaseError(
      "SERVER_UNSUITABLE",
      `The control plane's schema has version ${newest} and this Fluxbase knows up to ` +
        `${migrations.length}: start the newer Fluxbase that made it`,
    );
  }
  for (const { version, name, sql } of migrations) {
    if (applied.has(version)) continue;
    // A failure ends the session, which rolls back; the lock ends with it, too.
    await session.query.unsafe(`BEGIN; ${sql};
      INSERT INTO fluxbase_control.migrations (version, name) VALUES (${version}, '${name}');
      COMMIT`);
  }
}
