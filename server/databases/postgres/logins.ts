/**
 * A project's logins on its server: what each is, how far it may go, and how it proves itself.
 *
 * @module
 */
import { type Placement, ROLE_NAMES, type RoleName } from "../database.ts";
import { loginName, type PostgresAddress } from "./address.ts";
import type { Statements } from "./dedicated.ts";
import { scramVerifier } from "./scram.ts";

/** Walls around one login that the database keeps. */
export interface LoginLimits {
  /** Sessions of one login at a time, over all processes. */
  readonly connections: number;
  /** Bytes of temporary files of one session, in kB; the login cannot lift it. */
  readonly tempFileKb: number;
}

/** The limits unless the server's options say otherwise. */
export const DEFAULT_LOGIN_LIMITS: LoginLimits = { connections: 50, tempFileKb: 1_048_576 };

/**
 * The service roles and the loader stand above row security (COPY refuses it); end users under it.
 * The owner owns the tables, which row security exempts unless the owner forces it on itself.
 */
const BYPASSES_ROW_SECURITY: Readonly<Record<RoleName, boolean>> = {
  owner: false,
  service_rw: true,
  service_ro: true,
  user_rw: false,
  user_ro: false,
  loader: true,
};

const READS_ONLY: Readonly<Record<RoleName, boolean>> = {
  owner: false,
  service_rw: false,
  service_ro: true,
  user_rw: false,
  user_ro: true,
  loader: false,
};

/** The project's login names by role. */
export function loginNames(placement: Placement): Readonly<Record<RoleName, string>> {
  return {
    owner: loginName(placement, "owner"),
    service_rw: loginName(placement, "service_rw"),
    service_ro: loginName(placement, "service_ro"),
    user_rw: loginName(placement, "user_rw"),
    user_ro: loginName(placement, "user_ro"),
    loader: loginName(placement, "loader"),
  };
}

/**
 * Makes the logins that are missing and sets all of them to what they have to be. Also the remedy
 * when a tenant's own code has changed its password or its settings, which no privilege prevents.
 */
export async function setLogins(
  admin: Statements,
  address: PostgresAddress,
  placement: Placement,
  limits: LoginLimits,
): Promise<void> {
  const names = ROLE_NAMES.map((role) => loginName(placement, role));
  const rows = await admin<{ rolname: string }[]>`
    SELECT rolname FROM pg_catalog.pg_roles
    WHERE rolname = ANY (pg_catalog.string_to_array(${names.join(",")}, ','))`;
  const present = new Set(rows.map((row) => row.rolname));
  const statements = await Promise.all(ROLE_NAMES.map(async (role) => {
    const name = loginName(placement, role);
    const create = present.has(name) ? "" : `CREATE ROLE ${name};`;
    return create + await loginSql(address, name, role, limits);
  }));
  // One transaction; PostgreSQL refuses to change a role in two at once instead of waiting.
  const lock = `SELECT pg_advisory_xact_lock(hashtextextended('${placement.token}', 7158));`;
  await admin.unsafe(lock + statements.join("\n"));
}

async function loginSql(
  address: PostgresAddress,
  name: string,
  role: RoleName,
  limits: LoginLimits,
): Promise<string> {
  // On the embedded server logins prove themselves as the process's own user, by peer.
  const password = address.socketFolder === undefined
    ? `'${await scramVerifier(address.rolePassword(name))}'`
    : "NULL";
  return `
    ALTER ROLE ${name} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION
      ${BYPASSES_ROW_SECURITY[role] ? "BYPASSRLS" : "NOBYPASSRLS"}
      CONNECTION LIMIT ${limits.connections} PASSWORD ${password} VALID UNTIL 'infinity';
    ALTER ROLE ${name} RESET ALL;
    ALTER ROLE ${name} SET search_path = public, extensions;
    ALTER ROLE ${name} SET temp_file_limit = ${limits.tempFileKb};
    ${READS_ONLY[role] ? `ALTER ROLE ${name} SET default_transaction_read_only = on;` : ""}`;
}
