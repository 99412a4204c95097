/**
 * The hardened template database that projects are cloned from: one a server and blueprint, made
 * when the server is first used. It counts as finished once it is marked a template, which is the
 * last thing done to it; an unfinished one is removed and made anew.
 *
 * @module
 */
import { FluxbaseError } from "../../../errors.ts";
import type { PostgresAddress } from "../address.ts";
import { errorCode, inDatabase, withServerLock } from "../admin.ts";
import type { Statements } from "../dedicated.ts";
import { applySteps, type Blueprint, sha256, stepsOf } from "./steps.ts";

/** Name of the blueprint's template on a server of this major version. */
export async function templateName(blueprint: Blueprint, major: number): Promise<string> {
  const steps = await stepsOf(blueprint, major);
  const hash = await sha256(steps.map((step) => step.checksum).join("\n"));
  return `fluxbase_template_${blueprint.version}_${hash.slice(0, 8)}`;
}

/** The server's major version. */
export async function majorVersion(admin: Statements): Promise<number> {
  const [row] = await admin<{ version: string }[]>`
    SELECT pg_catalog.current_setting('server_version_num') AS version`;
  return Math.floor(Number(row?.version) / 10_000);
}

type TemplateState = "missing" | "unfinished" | "finished";

async function stateOf(admin: Statements, name: string): Promise<TemplateState> {
  const [row] = await admin<{ finished: boolean }[]>`
    SELECT d.datistemplate AND NOT d.datallowconn AS finished
    FROM pg_catalog.pg_database AS d WHERE d.datname = ${name}`;
  if (row === undefined) return "missing";
  return row.finished ? "finished" : "unfinished";
}

/** Makes the template unless it is there, and answers its name. */
export async function ensureTemplate(
  admin: Statements,
  address: PostgresAddress,
  blueprint: Blueprint,
): Promise<string> {
  const major = await majorVersion(admin);
  const name = await templateName(blueprint, major);
  if (await stateOf(admin, name) === "finished") return name;

  await withServerLock(address, async (lock) => {
    const state = await stateOf(admin, name);
    if (state === "finished") return;
    if (state === "unfinished") {
      await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
    await make(admin, address, blueprint, major, name);
    await removeOlder(admin, blueprint);
    // By the lock's own transaction: without the lock another process may have begun anew.
    await lock.unsafe(`ALTER DATABASE ${name} IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  });
  return name;
}

async function make(
  admin: Statements,
  address: PostgresAddress,
  blueprint: Blueprint,
  major: number,
  name: string,
): Promise<void> {
  // The server's own locale, but never another encoding: names and texts are UTF-8 throughout.
  await admin.unsafe(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`).catch(
    (error: unknown) => {
      if (errorCode(error) === "22023") {
        throw new FluxbaseError(
          "SERVER_UNSUITABLE",
          "The server's locale cannot hold UTF-8: initialise it with a UTF-8 or C locale",
          { cause: error },
        );
      }
      throw error;
    },
  );
  await admin.unsafe(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  await inDatabase(address, name, async (inside) => {
    await applySteps(inside, blueprint.version, await stepsOf(blueprint, major));
    // Clones start with a compact, frozen catalog instead of the steps' dead rows. By name: without
    // one the server's shared catalogs would be locked too.
    await inside.query.unsafe(
      "VACUUM (FULL, FREEZE, ANALYZE) pg_catalog.pg_proc, pg_catalog.pg_class",
    );
  });
  await admin.unsafe(
    `COMMENT ON DATABASE ${name} IS 'Projects of Fluxbase are cloned from this database'`,
  );
}

/** Templates of earlier versions; a process that still runs one makes its own again when needed. */
async function removeOlder(admin: Statements, blueprint: Blueprint): Promise<void> {
  const rows = await admin<{ datname: string }[]>`
    SELECT datname FROM pg_catalog.pg_database
    WHERE datname ~ '^fluxbase_template_[0-9]+_[0-9a-f]{8}$'`;
  for (const { datname } of rows) {
    if (Number(datname.split("_")[2]) < blueprint.version) await dropTemplate(admin, datname);
  }
}

/** Removes a template database; none of that name is no error. */
export async function dropTemplate(admin: Statements, name: string): Promise<void> {
  if (await stateOf(admin, name) === "missing") return;
  await admin.unsafe(`ALTER DATABASE ${name} IS_TEMPLATE false`);
  await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}
