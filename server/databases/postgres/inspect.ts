/**
 * Looks at a PostgreSQL server before projects are placed on it: version, privileges, and what it
 * lacks, each with its remedy.
 *
 * @module
 */
import { FluxbaseError } from "../../errors.ts";
import type { ServerReport } from "../database.ts";
import type { PostgresAddress } from "./address.ts";
import { type Admin, hostLabel, withServerLock } from "./admin.ts";

/** The oldest version with all that the dialect needs (`STRATEGY`, `SET` on parameters, scram). */
const OLDEST_VERSION = 16;

interface Facts {
  readonly version: string;
  readonly version_num: number;
  readonly account: string;
  readonly superuser: boolean;
  readonly encoding_fits: boolean;
  readonly recovering: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly open_databases: readonly string[];
}

/** What is wanted of a setting, and how to get there. */
const WANTED: readonly {
  readonly name: string;
  readonly fits: (value: string) => boolean;
  readonly because: string;
  readonly remedy: string;
}[] = [
  {
    name: "wal_level",
    fits: (value) => value === "logical",
    because: "live changes are read from the log",
    remedy: "set wal_level = logical and restart the server",
  },
  {
    name: "max_replication_slots",
    fits: (value) => Number(value) >= 10,
    because: "each project with live changes holds a slot",
    remedy: "set max_replication_slots to the number of such projects and restart the server",
  },
  {
    name: "max_wal_senders",
    fits: (value) => Number(value) >= 10,
    because: "each project with live changes holds a sender",
    remedy: "set max_wal_senders to the number of such projects and restart the server",
  },
  {
    name: "max_locks_per_transaction",
    fits: (value) => Number(value) >= 512,
    because: "one project's many tables can fill the lock table of all",
    remedy: "set max_locks_per_transaction = 512 and restart the server",
  },
  {
    name: "max_prepared_transactions",
    fits: (value) => value === "0",
    because: "a prepared transaction holds locks and old rows for ever",
    remedy: "set max_prepared_transactions = 0 and restart the server, unless others need it",
  },
  {
    name: "fsync",
    fits: (value) => value === "on",
    because: "a crash of the machine loses acknowledged data",
    remedy: "set fsync = on and reload the server",
  },
  {
    name: "full_page_writes",
    fits: (value) => value === "on",
    because: "a crash of the machine can tear pages",
    remedy: "set full_page_writes = on and reload the server",
  },
];

/** Throws `SERVER_UNSUITABLE` where projects cannot be made at all; else reports. */
export async function inspectServer(admin: Admin, adminUrl: string): Promise<ServerReport> {
  const facts = await readFacts(admin);
  const where = `The PostgreSQL at ${hostLabel(adminUrl)}`;
  const version = Math.floor(facts.version_num / 10_000);
  if (version < OLDEST_VERSION) {
    throw new FluxbaseError(
      "SERVER_UNSUITABLE",
      `${where} is version ${version}: version ${OLDEST_VERSION} or newer is needed`,
    );
  }
  if (facts.recovering) {
    throw new FluxbaseError(
      "SERVER_UNSUITABLE",
      `${where} is a standby: name its primary, where databases can be made`,
    );
  }
  if (!facts.superuser) {
    throw new FluxbaseError(
      "SERVER_UNSUITABLE",
      `${where} gives the account "${facts.account}" no superuser rights, which the walls ` +
        "between projects need (revokes in the catalog, event triggers, BYPASSRLS logins): " +
        "use an account with SUPERUSER",
    );
  }
  const lacks = WANTED.flatMap(({ name, fits, because, remedy }) => {
    const value = facts.settings[name];
    return value === undefined || fits(value)
      ? []
      : [`${name} is ${value}, and ${because}: ${remedy}`];
  });
  if (!facts.encoding_fits) {
    lacks.push(
      "template0 has a locale that cannot hold UTF-8: initialise the server with a UTF-8 locale",
    );
  }
  for (const name of facts.open_databases) {
    lacks.push(
      `PUBLIC may connect to database "${name}", so may every project's login: ` +
        `run REVOKE CONNECT, TEMPORARY ON DATABASE "${name.replaceAll('"', '""')}" FROM PUBLIC`,
    );
  }
  return {
    version: facts.version,
    lacks,
    maxConnections: Number(facts.settings["max_connections"]),
  };
}

async function readFacts(admin: Admin): Promise<Facts> {
  const names = [...WANTED.map(({ name }) => name), "max_connections"];
  const [facts] = await admin<Facts[]>`
    SELECT
      pg_catalog.version() AS version,
      pg_catalog.current_setting('server_version_num')::int4 AS version_num,
      session_user AS account,
      (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user) AS superuser,
      pg_catalog.pg_is_in_recovery() AS recovering,
      (SELECT pg_catalog.pg_encoding_to_char(d.encoding) = 'UTF8' OR d.datctype IN ('C', 'POSIX')
        FROM pg_catalog.pg_database AS d WHERE d.datname = 'template0') AS encoding_fits,
      (SELECT pg_catalog.json_object_agg(s.name, s.setting)
        FROM pg_catalog.pg_settings AS s WHERE s.name IN ${admin(names)}) AS settings,
      (SELECT coalesce(pg_catalog.json_agg(d.datname ORDER BY d.datname), '[]')
        FROM pg_catalog.pg_database AS d
        WHERE d.datallowconn AND NOT d.datistemplate AND EXISTS (
          SELECT FROM pg_catalog.aclexplode(
            coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS item
          WHERE item.grantee = 0 AND item.privilege_type = 'CONNECT')) AS open_databases`;
  if (facts === undefined) throw new Error("The server answered no row about itself");
  return facts;
}

/**
 * Takes PUBLIC's rights on databases away, so that no project's login can enter them: on the
 * administrator's own database, or on every one where the server is Fluxbase's alone.
 */
export async function closeDatabases(
  admin: Admin,
  address: PostgresAddress,
  all: boolean,
): Promise<void> {
  if ((await openDatabases(admin, all)).length === 0) return;
  // Two processes that change one database's rights at once would fail.
  await withServerLock(address, async () => {
    for (const name of await openDatabases(admin, all)) {
      await admin.unsafe(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    }
  });
}

async function openDatabases(admin: Admin, all: boolean): Promise<string[]> {
  const rows = await admin<{ name: string }[]>`
    SELECT pg_catalog.quote_ident(d.datname) AS name
    FROM pg_catalog.pg_database AS d
    WHERE d.datconnlimit <> -2 AND (d.datname = pg_catalog.current_database() OR ${all})
      AND EXISTS (
        SELECT FROM pg_catalog.aclexplode(
          coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS item
        WHERE item.grantee = 0)`;
  return rows.map((row) => row.name);
}
