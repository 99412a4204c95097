import { deepEqual, equal, rejects } from "node:assert/strict";
import postgres from "postgres";
import { scratchDatabase } from "../testing/postgres.ts";
import { scratchPlane, TEST_SECRET } from "../testing/control_plane.ts";
import { ControlDatabase } from "./control_database.ts";
import { migrateControl } from "./migrate.ts";
import { type Migration, MIGRATIONS } from "./migrations/mod.ts";

const FIRST: Migration = { version: 1, name: "one", sql: "CREATE TABLE fluxbase_control.one ()" };
const SECOND: Migration = { version: 2, name: "two", sql: "CREATE TABLE fluxbase_control.two ()" };

async function scratchControl() {
  const scratch = await scratchDatabase();
  const database = new ControlDatabase(scratch.url);
  return {
    url: scratch.url,
    database,
    sql: database.sql,
    async [Symbol.asyncDispose]() {
      await database.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

Deno.test("migrations are numbered from 1 without gaps", () => {
  deepEqual(
    MIGRATIONS.map(({ version }) => version),
    MIGRATIONS.map((_, index) => index + 1),
  );
});

Deno.test("four servers that start at once on an empty database all open", async () => {
  await using scratch = await scratchPlane();
  const planes = await Promise.all([1, 2, 3, 4].map(() => scratch.open()));
  equal(planes.length, 4);
  const rows = await scratch.sql`SELECT version FROM fluxbase_control.migrations`;
  equal(rows.length, MIGRATIONS.length);
  const servers = await scratch.sql`SELECT name FROM fluxbase_control.servers`;
  deepEqual([...servers].map(({ name }) => name), ["default"]);
});

Deno.test("migrations that run in eight processes at once are each applied once", async () => {
  await using scratch = await scratchControl();
  const processes = Array.from({ length: 8 }, () => new ControlDatabase(scratch.url));
  await Promise.all(processes.map((database) => migrateControl(database, [FIRST, SECOND])));
  await Promise.all(processes.map((database) => database.close()));
  const rows = await scratch.sql`SELECT name FROM fluxbase_control.migrations ORDER BY version`;
  deepEqual([...rows].map(({ name }) => name), ["one", "two"]);
});

Deno.test("a migration that failed leaves no half of it and is applied by the next start", async () => {
  await using scratch = await scratchControl();
  const broken = { ...SECOND, sql: `${SECOND.sql}; SELECT 1 / 0` };
  await rejects(migrateControl(scratch.database, [FIRST, broken]), /division by zero/);
  const [half] = await scratch.sql`SELECT to_regclass('fluxbase_control.two') AS found`;
  equal(half?.["found"], null);
  await migrateControl(scratch.database, [FIRST, SECOND]);
  const rows = await scratch.sql`SELECT name FROM fluxbase_control.migrations ORDER BY version`;
  deepEqual([...rows].map(({ name }) => name), ["one", "two"]);
});

Deno.test("a schema newer than the code stops the start with a line that says so", async () => {
  await using scratch = await scratchControl();
  await migrateControl(scratch.database, [FIRST, SECOND]);
  await rejects(migrateControl(scratch.database, [FIRST]), {
    code: "SERVER_UNSUITABLE",
    message: "The control plane's schema has version 2 and this Fluxbase knows up to 1: " +
      "start the newer Fluxbase that made it",
  });
});

Deno.test("an unreachable control database stops the start with one line", async () => {
  await using scratch = await scratchPlane();
  const url = new URL(scratch.url);
  url.port = "1";
  url.password = "hunter2";
  await rejects(
    scratch.open({ url: url.href }),
    (error: Error & { code: string }) => {
      equal(error.code, "DATABASE_UNAVAILABLE");
      equal(error.message.includes("hunter2"), false);
      equal(error.message.includes(`at ${url.hostname}:1`), true);
      return !error.message.includes("\n");
    },
  );
});

Deno.test("another FLUXBASE_SECRET than the first one stops the start", async () => {
  await using scratch = await scratchPlane();
  await (await scratch.open({ secret: TEST_SECRET })).close();
  await rejects(scratch.open({ secret: new Uint8Array(32).fill(8) }), {
    code: "SERVER_UNSUITABLE",
    message: /^FLUXBASE_SECRET is not the secret/,
  });
});

Deno.test("no other role of the server reads the control plane's schema", async () => {
  await using scratch = await scratchPlane();
  await scratch.open();
  const role = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  const [{ name } = { name: "" }] = await scratch.sql`SELECT current_database() AS name`;
  await scratch.sql.unsafe(
    `CREATE ROLE ${role} LOGIN PASSWORD '${role}'; GRANT CONNECT ON DATABASE ${name} TO ${role}`,
  );
  try {
    const url = new URL(scratch.url);
    url.username = url.password = role;
    const stranger = postgres(url.href, { max: 1 });
    await rejects(stranger`SELECT * FROM fluxbase_control.keys`, /permission denied for schema/);
    await stranger.end();
  } finally {
    await scratch.sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
