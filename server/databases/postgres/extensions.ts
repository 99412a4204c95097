/**
 * Extensions that a project may have. The platform installs them as superuser, so each is on the
 * list because it was looked at, not because PostgreSQL calls it trusted.
 *
 * Left out on purpose: `dblink`, `postgres_fdw` (reach other servers and databases), `file_fdw`,
 * `adminpack` (files), `plperlu`, `plpython3u`, `pltcl` and every other language (code with the
 * server's own rights, or past the parser), `tablefunc`, `xml2` (run SQL given as text; libxml
 * cannot be interrupted), `lo` (large objects), `pageinspect`, `pgstattuple`, `pg_buffercache`,
 * `pg_stat_statements`, `pgrowlocks`, `amcheck` (look past row security or at other projects),
 * `refint`, `autoinc`, `insert_username`, `moddatetime`, `tcn` (C code that runs SQL built of names).
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type { Placement } from "../database.ts";
import { databaseName } from "./address.ts";
import { inDatabase } from "./admin.ts";
import type { Provisioning } from "./provision.ts";

interface AllowedExtension {
  /** Extensions that it builds on, installed first. */
  readonly needs?: readonly string[];
  /** Its functions that change the session for whoever uses the connection next. */
  readonly revoke?: readonly string[];
}

/** Data types, operators and pure functions; none reaches beyond the row that it is given. */
export const ALLOWED_EXTENSIONS: Readonly<Record<string, AllowedExtension>> = {
  "btree_gin": {},
  "btree_gist": {},
  "citext": {},
  "cube": {},
  "earthdistance": { needs: ["cube"] },
  "fuzzystrmatch": {},
  "hstore": {},
  "intarray": {},
  // A flag that outlives the request on versions before 18.
  "isn": { revoke: ["isn_weak(boolean)"] },
  "ltree": {},
  "pg_trgm": { revoke: ["set_limit(real)"] },
  "pgcrypto": {},
  "postgis": {},
  "seg": {},
  "unaccent": {},
  "uuid-ossp": {},
  "vector": {},
};

/** Installs an extension in the project's schema `extensions`; again is no error. */
export async function installExtension(
  it: Provisioning,
  placement: Placement,
  name: string,
): Promise<void> {
  const allowed = Object.hasOwn(ALLOWED_EXTENSIONS, name) ? ALLOWED_EXTENSIONS[name] : undefined;
  if (allowed === undefined) {
    const names = Object.keys(ALLOWED_EXTENSIONS).join(", ");
    throw new FluxbaseError(
      "EXTENSION_FORBIDDEN",
      `The extension "${name}" is not allowed; allowed are ${names}`,
    );
  }
  await inDatabase(it.address, databaseName(placement), async (inside) => {
    const [available] = await inside.query<{ name: string }[]>`
      SELECT name FROM pg_catalog.pg_available_extensions WHERE name = ${name}`;
    if (available === undefined) {
      throw new FluxbaseError(
        "SERVER_UNSUITABLE",
        `The database server does not have the extension "${name}": install its package there`,
      );
    }
    await inside.transaction(async (sql) => {
      // Two requests at once, and none while the platform's own steps run.
      await sql`SELECT pg_catalog.pg_advisory_xact_lock(7158, 1)`;
      for (const each of [...allowed.needs ?? [], name]) {
        // Never CASCADE: it would install what stands on no list.
        await sql.unsafe(`CREATE EXTENSION IF NOT EXISTS "${each}" SCHEMA extensions`);
        for (const signature of ALLOWED_EXTENSIONS[each]?.revoke ?? []) {
          await sql.unsafe(`REVOKE ALL ON FUNCTION extensions.${signature} FROM PUBLIC`);
        }
      }
    });
  });
}
