import assert from "node:assert/strict";
import type { FluxbaseError } from "../../errors.ts";
import type { Limits, RoleName } from "../database.ts";
import { actor, AMPLE, type TestDatabase, testDatabase } from "../../testing/postgres_database.ts";

/** Runs for hours, and looks at cancels. */
const ENDLESS = "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) " +
  "SELECT count(*) FROM r WHERE n < 0";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function execute(db: TestDatabase, role: RoleName, query: string, limits: Partial<Limits>) {
  return db.database.execute(actor(role), { query }, { ...AMPLE, ...limits });
}

async function failureOf(promise: Promise<unknown>): Promise<FluxbaseError> {
  const error = await promise.then(() => undefined, (error) => error);
  assert.equal(error?.name, "FluxbaseError");
  return error;
}

Deno.test("a result has columns with types, exact values, its count and its verb", async () => {
  await using db = await testDatabase();
  const result = await db.run(
    "service_ro",
    "SELECT 1 AS a, 9007199254740993::int8 AS a, NULL AS n",
  );
  assert.deepEqual(result, {
    columns: [{ name: "a", type: "int4" }, { name: "a", type: "int8" }, {
      name: "n",
      type: "text",
    }],
    rows: [[1, "9007199254740993", null]],
    rowCount: 1,
    command: "SELECT",
    truncated: false,
  });
  await db.run("owner", "CREATE TABLE t (id int)");
  const inserted = await db.run("service_rw", "INSERT INTO t SELECT generate_series(1, 5)");
  assert.deepEqual(inserted, {
    columns: [],
    rows: [],
    rowCount: 5,
    command: "INSERT",
    truncated: false,
  });
  const updated = await db.run("service_rw", "UPDATE t SET id = id RETURNING id");
  assert.equal(updated.rowCount, 5);
  assert.equal((await db.run("service_ro", "SELECT id FROM t WHERE false")).rowCount, 0);
  assert.equal((await db.run("owner", "DROP TABLE t")).command, "DROP TABLE");
});

Deno.test("types of the project's own are read, in results and for parameters", async () => {
  await using db = await testDatabase();
  await db.run("owner", "CREATE TYPE mood AS ENUM ('sad', 'glad')");
  await db.run("owner", "CREATE TYPE pair AS (n int, m mood)");
  await db.run("owner", "CREATE DOMAIN blob AS bytea");
  await db.run("owner", "CREATE TABLE t (m mood[], p pair, b blob)");
  for (let round = 0; round < 4; round++) {
    const result = await db.database.execute(actor("service_rw"), {
      query: "INSERT INTO t VALUES ($1, $2, $3) RETURNING *",
      params: [["sad", "glad"], { n: 7, m: "glad" }, "aGVsbG8="],
    }, AMPLE);
    assert.deepEqual(result.rows, [[["sad", "glad"], { n: 7, m: "glad" }, "aGVsbG8="]]);
    assert.deepEqual(result.columns.map(({ type }) => type), ["mood[]", "pair", "bytea"]);
  }
  const [row] = (await db.run("service_ro", "SELECT encode(b, 'escape') FROM t")).rows;
  assert.deepEqual(row, ["hello"]);
});

Deno.test("a parameter that does not encode fails alone, also on a prepared text", async () => {
  await using db = await testDatabase({ connections: 1 });
  const query = "SELECT octet_length($1::bytea)";
  for (let round = 0; round < 3; round++) {
    assert.deepEqual((await db.run("service_ro", query, ["aGVsbG8="])).rows, [[5]]);
    await assert.rejects(db.run("service_ro", query, ["no base64!"]), {
      code: "PARAMETER_INVALID",
    });
  }
});

Deno.test("a prepared text survives a changed table", async () => {
  await using db = await testDatabase({ connections: 1 });
  await db.run("owner", "CREATE TABLE t (id int, name text)");
  await db.run("owner", "INSERT INTO t VALUES (1, 'one')");
  const query = "SELECT * FROM t WHERE id = $1";
  for (let i = 0; i < 3; i++) await db.run("owner", query, [1]);
  await db.run("owner", "ALTER TABLE t ADD COLUMN extra int DEFAULT 5");
  assert.deepEqual((await db.run("owner", query, [1])).rows, [[1, "one", 5]]);
  await db.run("owner", "ALTER TABLE t ALTER COLUMN id TYPE text");
  assert.deepEqual((await db.run("owner", query, ["1"])).rows, [["1", "one", 5]]);
  await db.run("owner", "ALTER TABLE t DROP COLUMN extra, ALTER COLUMN name TYPE bytea USING 'x'");
  assert.deepEqual((await db.run("owner", query, ["1"])).rows, [["1", "eA=="]]);
});

Deno.test("a prepared text whose parameter no longer fits its column is planned anew", async () => {
  await using db = await testDatabase({ connections: 1 });
  await db.run("owner", "CREATE TABLE t (id int, name text)");
  const query = "INSERT INTO t (id) VALUES ($1)";
  for (let i = 0; i < 3; i++) await db.run("owner", query, [i]);
  await db.run("owner", "ALTER TABLE t ALTER COLUMN id TYPE uuid USING gen_random_uuid()");
  const id = crypto.randomUUID();
  await db.run("owner", query, [id]);
  const found = await db.run("owner", "SELECT count(*) FROM t WHERE id = $1", [id]);
  assert.deepEqual(found.rows, [["1"]]);
});

Deno.test("rows past the limit are cut off and said to be, whatever the role", async () => {
  await using db = await testDatabase();
  for (const role of ["service_ro", "service_rw", "owner"] as const) {
    const query = "SELECT generate_series(1, 100000000) AS n";
    const started = performance.now();
    const cut = await execute(db, role, query, { maxRows: 10 });
    assert.deepEqual([cut.rows.length, cut.rowCount, cut.truncated, cut.command], [
      10,
      10,
      true,
      "SELECT",
    ]);
    assert.ok(performance.now() - started < 2_000, "The statement was ended, not waited for");
    const exact = await execute(db, role, "SELECT n FROM generate_series(1, 10) AS n", {
      maxRows: 10,
    });
    assert.equal(exact.truncated, false);
  }
  assert.equal(await db.active(), 0);
});

Deno.test("bytes past the limit are cut off; no row that fits is an error", async () => {
  await using db = await testDatabase();
  const query = "SELECT repeat('x', 1000) FROM generate_series(1, 100)";
  const cut = await execute(db, "service_ro", query, { maxBytes: 10_000 });
  assert.deepEqual([cut.rows.length, cut.truncated], [9, true]);
  const none = await failureOf(execute(db, "service_ro", query, { maxBytes: 999 }));
  assert.equal(none.code, "ROW_TOO_LARGE");
});

Deno.test("a write whose rows are cut off is carried out all the same", async () => {
  await using db = await testDatabase();
  await db.run("owner", "CREATE TABLE t (id int)");
  const query = "INSERT INTO t SELECT generate_series(1, 5000) RETURNING id";
  const cut = await execute(db, "service_rw", query, { maxRows: 10 });
  assert.deepEqual([cut.rows.length, cut.truncated, cut.command], [10, true, "INSERT"]);
  assert.deepEqual((await db.run("service_ro", "SELECT count(*) FROM t")).rows, [["5000"]]);
});

Deno.test("a read whose function writes is not undone by the row limit", async () => {
  await using db = await testDatabase();
  await db.run("owner", "CREATE TABLE t (id int)");
  await db.run(
    "owner",
    "CREATE FUNCTION note(n int) RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (n) RETURNING id'",
  );
  const query = "SELECT note(n) FROM generate_series(1, 20000) AS n";
  const cut = await execute(db, "service_rw", query, { maxRows: 10 });
  assert.deepEqual([cut.rows.length, cut.truncated], [10, true]);
  assert.deepEqual((await db.run("service_ro", "SELECT count(*) FROM t")).rows, [["20000"]]);
});

Deno.test("a statement that runs too long is canceled", async () => {
  await using db = await testDatabase();
  const started = performance.now();
  const error = await failureOf(execute(db, "service_ro", ENDLESS, { timeoutMs: 200 }));
  assert.equal(error.code, "QUERY_TIMEOUT");
  assert.ok(performance.now() - started < 900);
  assert.equal(await db.active(), 0);
});

Deno.test("code that catches the cancel and goes on is ended with its backend", async () => {
  await using db = await testDatabase({ connections: 1 });
  await db.run(
    "owner",
    `CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS $$ BEGIN LOOP
       BEGIN PERFORM count(*) FROM generate_series(1, 100000000);
       EXCEPTION WHEN query_canceled THEN NULL; END;
     END LOOP; END $$`,
  );
  const started = performance.now();
  const error = await failureOf(execute(db, "owner", "SELECT stubborn()", { timeoutMs: 200 }));
  assert.equal(error.code, "QUERY_TIMEOUT");
  assert.ok(performance.now() - started < 2_000);
  assert.equal(await db.active(), 0);
  assert.deepEqual((await db.run("owner", "SELECT 1")).rows, [[1]]);
});

Deno.test("when the client goes away its backend is free within a second", async () => {
  await using db = await testDatabase();
  const leaving = new AbortController();
  const running = Array.from(
    { length: 4 },
    () => failureOf(execute(db, "service_ro", ENDLESS, { signal: leaving.signal })),
  );
  while (await db.active() < 4) await sleep(20);
  leaving.abort();
  const left = performance.now();
  while (await db.active() > 0) await sleep(10);
  const took = performance.now() - left;
  assert.ok(took < 1_000, `It took ${took} ms`);
  for (const error of await Promise.all(running)) assert.equal(error.code, "QUERY_CANCELED");
});

Deno.test("a cancel never hits the statement after the one it was meant for", async () => {
  await using db = await testDatabase({ connections: 4, projectShare: 1 });
  const outcomes = { QUERY_TIMEOUT: 0, OVERLOADED: 0, finished: 0 };
  const work = async (worker: number) => {
    for (let i = 0; i < 120; i++) {
      // Ends about when the cancel is sent: some statements are through already, some are not.
      const query = `SELECT count(*) FROM generate_series(1, ${5_000 * (1 + (i + worker) % 40)})`;
      await execute(db, "service_ro", query, { timeoutMs: 1 + (i * 7) % 40 }).then(
        () => outcomes.finished++,
        (error: FluxbaseError) => {
          assert.ok(error.code === "QUERY_TIMEOUT" || error.code === "OVERLOADED", error.code);
          outcomes[error.code]++;
        },
      );
      // Whatever session this gets, it must not be canceled.
      const after = await db.run(
        "service_ro",
        `SELECT ${i}, count(*) FROM generate_series(1, 20000)`,
      );
      assert.deepEqual(after.rows, [[i, "20000"]]);
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(work));
  assert.ok(outcomes.QUERY_TIMEOUT > 50, `Only ${outcomes.QUERY_TIMEOUT} were canceled`);
  assert.ok(outcomes.finished > 50, `Only ${outcomes.finished} finished`);
});

Deno.test("a killed backend gives a clean error, and the pool recovers", async () => {
  await using db = await testDatabase({ connections: 2 });
  await db.run("owner", "CREATE TABLE t (id int)");
  const kill = async () => {
    while (await db.active() === 0) await sleep(10);
    await db.admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = ${db.project.database} AND state = 'active'`;
  };
  const reading = failureOf(execute(db, "service_ro", ENDLESS, {}));
  await kill();
  const read = await reading;
  assert.deepEqual([read.code, read.retryable], ["DATABASE_UNAVAILABLE", true]);
  const writing = failureOf(
    execute(db, "service_rw", "INSERT INTO t SELECT generate_series(1, 1000000000)", {}),
  );
  await kill();
  const write = await writing;
  assert.deepEqual([write.code, write.retryable], ["DATABASE_UNAVAILABLE", false]);
  assert.match(write.message, /may have been carried out/);
  assert.equal(write.fields.sqlstate, "57P01");
  await Promise.all(Array.from({ length: 20 }, () => db.run("service_rw", "SELECT 1")));
});

Deno.test("idle sessions that the server closed are not given to requests", async () => {
  await using db = await testDatabase({ connections: 4 });
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 8 }, () => db.run("service_rw", "SELECT 1")));
    await db.admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = ${db.project.database}`;
    await sleep(50);
    await Promise.all(Array.from({ length: 8 }, () => db.run("service_rw", "SELECT 1")));
  }
});

Deno.test("a statement waits for its turn no longer than its client", async () => {
  await using db = await testDatabase({ connections: 1 });
  const leaving = new AbortController();
  const busy = failureOf(execute(db, "service_ro", ENDLESS, { timeoutMs: 1_500 }));
  await sleep(100);
  const waiting = failureOf(execute(db, "service_ro", "SELECT 1", { signal: leaving.signal }));
  await sleep(50);
  assert.equal(db.budget.waiting, 1);
  leaving.abort();
  assert.equal((await waiting).code, "QUERY_CANCELED");
  assert.equal(db.budget.waiting, 0);
  assert.equal((await busy).code, "QUERY_TIMEOUT");
});

Deno.test("closing the database ends what runs", async () => {
  await using db = await testDatabase();
  const running = failureOf(execute(db, "service_ro", ENDLESS, {}));
  while (await db.active() === 0) await sleep(10);
  await db.database.close();
  assert.equal((await running).code, "SHUTTING_DOWN");
  assert.equal(await db.backends(), 0);
  await assert.rejects(db.run("service_ro", "SELECT 1"), { code: "SHUTTING_DOWN" });
});
