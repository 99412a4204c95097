/**
 * A real PostgreSQL for tests. `deno task test` starts one for all suites and tells them its
 * administrator's URL; each suite makes databases of its own on it.
 *
 * @module
 */
import postgres from "postgres";

/** Administrator's URL of the PostgreSQL that the test task started. */
export function postgresUrl(): string {
  const url = Deno.env.get("FLUXBASE_TEST_POSTGRES_URL");
  if (url === undefined) {
    throw new Error('No PostgreSQL for tests: run them by "deno task test"');
  }
  return url;
}

/** A database of its own on the test server, dropped when the scope ends. */
export interface ScratchDatabase extends AsyncDisposable {
  /** Administrator's URL that names the new database. */
  readonly url: string;
}

/** Makes an empty database with an unguessable name. */
export async function scratchDatabase(): Promise<ScratchDatabase> {
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  const url = new URL(postgresUrl());
  const admin = postgres(url.href, { max: 1, onnotice: () => {} });
  await admin.unsafe(`CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}
