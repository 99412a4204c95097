import assert from "node:assert/strict";
import postgres from "postgres";
import { FluxbaseError } from "../../errors.ts";
import { postgresUrl, scratchDatabase } from "../../testing/postgres.ts";
import { newPlacement } from "../../testing/postgres_project.ts";
import { throwAwayPostgres } from "../embedded/throw_away.ts";
import { PostgresServer } from "./server.ts";

const serverAt = (adminUrl: string, hardenCluster = false) =>
  new PostgresServer({ adminUrl, rolePassword: (name) => `secret-${name}` }, { hardenCluster });

/** The error of a server that cannot be used, which must not carry its URL's password. */
async function refusal(url: string): Promise<FluxbaseError> {
  const server = serverAt(url);
  try {
    for (const act of [() => server.inspect(), () => server.prepare()]) {
      await assert.rejects(act(), (error) => {
        assert.ok(error instanceof FluxbaseError, String(error));
        assert.doesNotMatch(error.message, /hunter2|\n/);
        return true;
      });
    }
    const error = await server.inspect().catch((error: unknown) => error);
    assert.ok(error instanceof FluxbaseError);
    return error;
  } finally {
    await server.close();
  }
}

Deno.test("a suitable server is reported with its version and connections", async () => {
  const server = serverAt(postgresUrl());
  const report = await server.inspect();
  await server.close();
  assert.match(report.version, /^PostgreSQL \d+/);
  assert.ok(report.maxConnections > 0);
});

Deno.test("a server where nothing listens is named by host and port", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const error = await refusal(`postgres://admin:hunter2@127.0.0.1:${port}/postgres`);
  assert.equal(error.code, "SERVER_UNSUITABLE");
  assert.match(error.message, new RegExp(`at 127.0.0.1:${port} cannot be reached`));
});

Deno.test("a host that does not exist is named", async () => {
  const error = await refusal("postgres://admin:hunter2@nowhere.invalid/postgres");
  assert.equal(error.code, "SERVER_UNSUITABLE");
  assert.match(error.message, /nowhere\.invalid/);
});

Deno.test("a database that does not exist is said", async () => {
  const url = new URL(postgresUrl());
  url.pathname = "/no_such_database";
  const error = await refusal(url.href);
  assert.equal(error.code, "SERVER_UNSUITABLE");
  assert.match(error.message, /database "no_such_database" does not exist/);
});

Deno.test("an account without superuser rights is refused with what it lacks", async () => {
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = postgres(postgresUrl(), { max: 1 });
  await using database = await scratchDatabase();
  await admin.unsafe(`CREATE ROLE ${name} LOGIN CREATEDB CREATEROLE PASSWORD 'hunter2'`);
  try {
    const url = new URL(database.url);
    url.username = name;
    url.password = "hunter2";
    const error = await refusal(url.href);
    assert.equal(error.code, "SERVER_UNSUITABLE");
    assert.match(error.message, new RegExp(`account "${name}" no superuser rights`));
  } finally {
    await admin.unsafe(`DROP ROLE ${name}`);
    await admin.end();
  }
});

Deno.test("preparing closes the administrator's own database to PUBLIC and reports the others", async () => {
  await using own = await scratchDatabase();
  await using other = await scratchDatabase();
  const server = serverAt(own.url);
  const nameOf = (url: string) => new URL(url).pathname.slice(1);
  const open = async () => {
    const { lacks } = await server.inspect();
    return [own, other].map(({ url }) => lacks.some((lack) => lack.includes(`"${nameOf(url)}"`)));
  };
  assert.deepEqual(await open(), [true, true]);
  await server.prepare();
  assert.deepEqual(await open(), [false, true]);
  await server.close();
});

Deno.test("a server of Fluxbase's own is closed throughout, and its lacks are named", async () => {
  await using cluster = await throwAwayPostgres({
    settings: { max_prepared_transactions: "5", wal_level: "replica" },
  });
  const wrong = new URL(cluster.url);
  wrong.password = "hunter2";
  const error = await refusal(wrong.href);
  assert.equal(error.code, "SERVER_UNSUITABLE");
  assert.match(error.message, /refuses the administrator's login/);

  const server = serverAt(cluster.url, true);
  await server.prepare();
  const { lacks } = await server.inspect();
  assert.equal(lacks.filter((lack) => lack.startsWith("PUBLIC")).length, 0);
  assert.ok(lacks.some((lack) => lack.startsWith("wal_level is replica")));
  assert.ok(lacks.some((lack) => lack.startsWith("max_prepared_transactions is 5")));
  const admin = postgres(cluster.url, { max: 1 });
  const open = await admin`
    select datname from pg_database
    where has_database_privilege('public', oid, 'connect')
      or has_database_privilege('public', oid, 'temporary')`;
  assert.deepEqual([...open], []);

  // A prepared transaction holds its database, and only this kind of server has them.
  const placement = newPlacement();
  await server.create(placement);
  const inside = postgres(cluster.url, { max: 1, database: `p_${placement.token}` });
  await inside.unsafe("begin; create table t (); prepare transaction 'it''s'").simple();
  await inside.end();
  await server.drop(placement);
  assert.deepEqual(
    [...await admin`select datname from pg_database where datname like 'p\\_%'`],
    [],
  );
  await admin.end();
  await server.close();
});
