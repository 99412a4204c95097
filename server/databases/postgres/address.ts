/**
 * Where a PostgreSQL server is and how its logins are named. Project and role names on a server are
 * made of a random token, since role names cannot be hidden from the other tenants of a server.
 *
 * @module
 */
import type { Placement, RoleName } from "../database.ts";

/** How Fluxbase reaches one PostgreSQL server. */
export interface PostgresAddress {
  /** Administrator's URL, its path the database that the administrator connects to. */
  readonly adminUrl: string;
  /**
   * Folder of the unix socket on which projects' roles log in by `peer` (the embedded server).
   * Without it they log in over the administrator's host by a derived password.
   */
  readonly socketFolder?: string;
  /** Derives a role's password, stable for a name; used where there is no socket. */
  readonly rolePassword: (roleName: string) => string;
}

/**
 * The driver's option for a URL whose host is the percent-encoded folder of a unix socket, as libpq
 * reads it; the driver itself would look such a host up as a name.
 */
export function socketOption(url: string): { readonly host?: string } {
  const host = URL.canParse(url) ? decodeURIComponent(new URL(url).hostname) : "";
  return host.startsWith("/") ? { host } : {};
}

const ROLE_SUFFIX = {
  owner: "owner",
  service_rw: "srw",
  service_ro: "sro",
  user_rw: "urw",
  user_ro: "uro",
  loader: "load",
} as const satisfies Record<RoleName, string>;

/** Name of a project's database. */
export function databaseName(placement: Placement): string {
  return `p_${placement.token}`;
}

/** Name of one of a project's logins; matches `^p_[0-9a-f]{32}_[a-z]+$`. */
export function loginName(placement: Placement, role: RoleName): string {
  return `p_${placement.token}_${ROLE_SUFFIX[role]}`;
}
