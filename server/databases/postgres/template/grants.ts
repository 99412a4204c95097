/**
 * What a project's own logins may do inside its database. Logins belong to the whole server and
 * differ by project while the template is shared, so this runs in each clone, before any of them
 * may connect.
 *
 * @module
 */
import type { RoleName } from "../../database.ts";

/**
 * The statements, for logins of these names. They first take back what an earlier version gave, so
 * that every project ends up with the same rights. New tables get the verbs of each role by
 * default privileges and are closed to end users by row security; never TRUNCATE, REFERENCES,
 * TRIGGER or MAINTAIN.
 */
export function grantsSql(logins: Readonly<Record<RoleName, string>>): string {
  const { owner, service_rw, service_ro, user_rw, user_ro, loader } = logins;
  const writers = `${service_rw}, ${user_rw}`;
  const readers = `${service_ro}, ${user_ro}`;
  const others = `${writers}, ${readers}, ${loader}`;
  const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner}`;
  return `
    REVOKE ALL ON SCHEMA public FROM ${owner}, ${others};
    ${defaults} IN SCHEMA public REVOKE ALL ON TABLES FROM PUBLIC, ${others};
    ${defaults} IN SCHEMA public REVOKE ALL ON SEQUENCES FROM PUBLIC, ${others};
    ${defaults} IN SCHEMA public REVOKE ALL ON ROUTINES FROM PUBLIC, ${others};
    GRANT USAGE ON SCHEMA public TO ${owner}, ${others};
    GRANT CREATE ON SCHEMA public TO ${owner};
    GRANT USAGE ON LANGUAGE sql, plpgsql TO ${owner};
    GRANT SELECT ON TABLE pg_catalog.pg_default_acl TO ${owner};
    ${defaults} REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
    ${defaults} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${writers};
    ${defaults} IN SCHEMA public GRANT SELECT ON TABLES TO ${readers};
    ${defaults} IN SCHEMA public GRANT INSERT ON TABLES TO ${loader};
    ${defaults} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO ${writers};
    ${defaults} IN SCHEMA public GRANT USAGE ON SEQUENCES TO ${loader};
    ${defaults} IN SCHEMA public GRANT EXECUTE ON ROUTINES TO ${others};
  `;
}
