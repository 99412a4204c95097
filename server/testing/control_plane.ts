/**
 * Control planes for tests: on a scratch database of the test PostgreSQL, with the real PostgreSQL
 * dialect. What a test leaves on the server goes with the scope.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import postgres from "postgres";
import { PostgresServer } from "../databases/postgres/server.ts";
import {
  type ControlPlaneOptions,
  openControlPlane,
  type OpenedControlPlane,
} from "../projects/control_plane.ts";
import type { ConnectServer } from "../projects/servers.ts";
import { scratchDatabase } from "./postgres.ts";

/** `FLUXBASE_SECRET` of tests. */
export const TEST_SECRET: Uint8Array = new Uint8Array(32).fill(7);

/** Connects as the product does. */
export const connectPostgres: ConnectServer = (dialect, adminUrl) => {
  if (dialect !== "postgres") throw new Error(`Tests have no dialect "${dialect}"`);
  return new PostgresServer({
    adminUrl,
    rolePassword: (role) => createHmac("sha256", TEST_SECRET).update(role).digest("hex"),
  });
};

/** An empty control database, on which a test opens as many control planes as it likes. */
export interface ScratchPlane extends AsyncDisposable {
  readonly url: string;
  /** As one more Fluxbase process would open it; closed with the scope, if not before. */
  open(options?: Partial<ControlPlaneOptions>): Promise<OpenedControlPlane>;
  /** A look at the control plane's tables. */
  readonly sql: postgres.Sql;
}

/** Makes an empty control database. */
export async function scratchPlane(): Promise<ScratchPlane> {
  const database = await scratchDatabase();
  const opened: OpenedControlPlane[] = [];
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  return {
    url: database.url,
    sql,
    async open(options = {}) {
      const plane = await openControlPlane({
        url: database.url,
        secret: TEST_SECRET,
        connectServer: connectPostgres,
        ...options,
      });
      opened.push(plane);
      return plane;
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(opened.map((plane) => plane.close()));
      await removeProjects(sql, database.url);
      await sql.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function removeProjects(sql: postgres.Sql, url: string): Promise<void> {
  const [{ there } = { there: null }] = await sql`
    SELECT to_regclass('fluxbase_control.projects') AS there`;
  if (there === null) return;
  const server = connectPostgres("postgres", url, { first: true });
  const rows = await sql<{ token: string }[]>`SELECT token FROM fluxbase_control.projects`;
  for (const { token } of rows) await server.drop({ token });
  await server.close();
}

/** Names of everything on the server that belongs to a token. */
export async function leftovers(sql: postgres.Sql, token: string): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    SELECT rolname AS name FROM pg_roles WHERE rolname LIKE ${`%${token}%`}
    UNION ALL SELECT datname FROM pg_database WHERE datname LIKE ${`%${token}%`}`;
  return rows.map(({ name }) => name);
}

/** Resolves with the milliseconds until `check` holds; rejects after `limitMs`. */
export async function until(
  check: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<number> {
  const start = performance.now();
  while (!await check()) {
    if (performance.now() - start > limitMs) throw new Error(`Not so within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - start;
}
