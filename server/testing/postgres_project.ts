/**
 * A project on the test server for suites that talk to its database directly, with no parser
 * between.
 *
 * @module
 */
import postgres from "postgres";
import { postgresUrl } from "./postgres.ts";
import type { Placement, RoleName } from "../databases/database.ts";
import { databaseName, loginName, type PostgresAddress } from "../databases/postgres/address.ts";
import { PostgresServer, type PostgresServerOptions } from "../databases/postgres/server.ts";

/** The test server's address, with passwords that only this process derives. */
export function testAddress(): PostgresAddress {
  const secret = crypto.randomUUID();
  return { adminUrl: postgresUrl(), rolePassword: (name) => `${secret}-${name}` };
}

/** A placement that no other test has. */
export function newPlacement(): Placement {
  return { token: crypto.randomUUID().replaceAll("-", "") };
}

/** One connection as a project's login, or as the administrator; to its database by default. */
export function connectAs(
  address: PostgresAddress,
  placement: Placement,
  role: RoleName | "admin",
  database: string = databaseName(placement),
): postgres.Sql {
  const login = role === "admin" ? undefined : loginName(placement, role);
  return postgres(address.adminUrl, {
    database,
    ...(login === undefined ? {} : { username: login, password: address.rolePassword(login) }),
    max: 1,
    fetch_types: false,
    onnotice: () => {},
  });
}

/** A project that is removed when the scope ends. */
export interface TestProject extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly address: PostgresAddress;
  readonly placement: Placement;
  readonly database: string;
  readonly logins: Readonly<Record<RoleName, string>>;
  /** The project's connection as a login, opened at first use. */
  as(role: RoleName | "admin"): postgres.Sql;
}

/** Makes a project's database and logins. */
export async function testProject(options: PostgresServerOptions = {}): Promise<TestProject> {
  const address = testAddress();
  const server = new PostgresServer(address, options);
  const placement = newPlacement();
  await server.create(placement);
  const connections = new Map<string, postgres.Sql>();
  return {
    server,
    address,
    placement,
    database: databaseName(placement),
    logins: server.roleNames(placement),
    as(role) {
      const open = connections.get(role) ?? connectAs(address, placement, role);
      connections.set(role, open);
      return open;
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections.values()) await connection.end();
      await server.drop(placement);
      await server.close();
    },
  };
}
