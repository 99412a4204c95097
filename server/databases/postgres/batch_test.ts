import assert from "node:assert/strict";
import type { FluxbaseError } from "../../errors.ts";
import type { Statement, TransactionOptions } from "../database.ts";
import { actor, AMPLE, type TestDatabase, testDatabase } from "../../testing/postgres_database.ts";

async function withTable(connections = 4): Promise<TestDatabase> {
  const db = await testDatabase({ connections });
  await db.run("owner", "CREATE TABLE t (id int PRIMARY KEY, name text)");
  return db;
}

function batch(db: TestDatabase, statements: Statement[], options: TransactionOptions = {}) {
  return db.database.batch(actor("service_rw"), statements, options, AMPLE);
}

async function count(db: TestDatabase): Promise<unknown> {
  return (await db.run("service_ro", "SELECT count(*)::int4 FROM t")).rows[0]?.[0];
}

const insert = (id: number): Statement => ({
  query: "INSERT INTO t (id, name) VALUES ($1, $2)",
  params: [id, `name ${id}`],
});

Deno.test("a batch runs in one transaction and answers each statement", async () => {
  await using db = await withTable();
  const now: Statement = { query: "SELECT now(), txid_current()" };
  const results = await batch(db, [now, insert(1), insert(2), { query: "TABLE t" }, now]);
  assert.deepEqual(results[0]?.rows, results[4]?.rows);
  assert.deepEqual(results.map(({ command }) => command), [
    "SELECT",
    "INSERT",
    "INSERT",
    "SELECT",
    "SELECT",
  ]);
  assert.deepEqual(results[3]?.rows, [[1, "name 1"], [2, "name 2"]]);
});

Deno.test("when one statement fails nothing of the batch is in force, and the error says which", async () => {
  await using db = await withTable();
  await batch(db, [insert(7)]);
  for (let round = 0; round < 4; round++) {
    const error: FluxbaseError = await batch(db, [insert(8), insert(9), insert(7), insert(10)])
      .then(() => assert.fail("It should fail"), (error) => error);
    assert.equal(error.code, "CONFLICT");
    assert.match(error.message, /^Statement 3 of 4: duplicate key/);
    assert.equal(error.fields.constraint, "t_pkey");
    assert.equal(await count(db), 1);
  }
});

Deno.test("later statements of a batch see what earlier ones made", async () => {
  await using db = await testDatabase();
  const results = await db.database.batch(
    actor("owner"),
    [
      { query: "CREATE TYPE mood AS ENUM ('sad', 'glad')" },
      { query: "CREATE TABLE m (id int, m mood)" },
      { query: "INSERT INTO m VALUES ($1, $2)", params: [1, "glad"] },
      { query: "SELECT * FROM m WHERE m = ANY ($1)", params: [["glad"]] },
    ],
    {},
    AMPLE,
  );
  assert.deepEqual(results[3]?.rows, [[1, "glad"]]);
  assert.deepEqual(results[3]?.columns[1], { name: "m", type: "mood" });
});

Deno.test("a hundred statements of one text are sent without waiting for each", async () => {
  await using db = await withTable();
  const statements = Array.from({ length: 100 }, (_, id) => insert(id));
  await batch(db, statements);
  assert.equal(await count(db), 100);
  await db.run("service_rw", "DELETE FROM t");
  await batch(db, statements);
  assert.equal(await count(db), 100);
});

Deno.test("a parameter that does not encode fails the batch and hangs nothing", async () => {
  await using db = await withTable();
  const query = "SELECT octet_length($1::bytea)";
  const good: Statement = { query, params: ["aGVsbG8="] };
  for (let round = 0; round < 3; round++) {
    const bad: Statement = { query, params: ["no!"] };
    await assert.rejects(batch(db, [good, insert(1), good, good, good, bad, good]), {
      code: "PARAMETER_INVALID",
      message: /^Statement 6 of 7: /,
    });
    assert.equal(await count(db), 0);
  }
});

Deno.test("isolation level and read-only are the transaction's", async () => {
  await using db = await withTable();
  for (const isolation of ["read committed", "repeatable read", "serializable"] as const) {
    const [shown] = await batch(db, [{ query: "SHOW transaction_isolation" }], { isolation });
    assert.deepEqual(shown?.rows, [[isolation]]);
  }
  await assert.rejects(batch(db, [insert(1)], { readOnly: true }), {
    code: "QUERY_FORBIDDEN",
    fields: { sqlstate: "25006" },
  });
  const [after] = await batch(db, [{ query: "SHOW transaction_isolation" }]);
  assert.deepEqual(after?.rows, [["read committed"]]);
});

Deno.test("transactions that collide are told so, and may be sent again", async () => {
  await using db = await withTable();
  await batch(db, [insert(1), insert(2)]);
  const swap = (a: number, b: number) =>
    batch(db, [
      { query: "SELECT sum(length(name)) FROM t" },
      { query: "UPDATE t SET name = name || 'x' WHERE id = $1", params: [a] },
      { query: "SELECT count(*) FROM generate_series(1, 300000)" },
      { query: "UPDATE t SET name = name || 'x' WHERE id = $1", params: [b] },
    ], { isolation: "serializable" });
  const outcomes = await Promise.allSettled([swap(1, 2), swap(2, 1), swap(1, 2)]);
  const failed = outcomes.flatMap((one) => one.status === "rejected" ? [one.reason] : []);
  assert.ok(failed.length > 0);
  for (const error of failed) {
    assert.equal(error.code, "TRANSACTION_CONFLICT");
    assert.equal(error.retryable, true);
  }
});

Deno.test("a constraint that is checked at the end fails the batch at its commit", async () => {
  await using db = await withTable();
  await db.run("owner", "CREATE TABLE c (t int REFERENCES t DEFERRABLE INITIALLY DEFERRED)");
  await assert.rejects(batch(db, [insert(1), { query: "INSERT INTO c VALUES (2)" }]), {
    code: "CONFLICT",
    message: /^insert or update on table "c" violates foreign key/,
  });
  assert.equal(await count(db), 0);
});

Deno.test("a plan made stale by a changed table repeats the whole batch once", async () => {
  await using db = await withTable();
  const all: Statement = { query: "SELECT * FROM t WHERE id > $1", params: [0] };
  for (let id = 1; id < 4; id++) await batch(db, [insert(id), all]);
  await db.run("owner", "ALTER TABLE t ADD COLUMN extra int DEFAULT 5");
  const [, second] = await batch(db, [insert(9), all]);
  assert.equal(second?.columns.length, 3);
  assert.equal(await count(db), 4);
});

Deno.test("names lost under a batch of prepared texts are healed, and nothing hangs", async () => {
  await using db = await withTable();
  const all: Statement = { query: "SELECT * FROM t WHERE id > $1", params: [0] };
  for (let id = 1; id < 4; id++) await batch(db, [insert(id), all, insert(-id)]);
  await db.run("service_rw", "DEALLOCATE ALL");
  const started = performance.now();
  const [, second] = await batch(db, [insert(4), all, insert(-4)]);
  assert.equal(second?.rows.length, 4);
  assert.ok(performance.now() - started < 5_000);
  assert.equal(await count(db), 8);
});

Deno.test("the row and byte limits count for the whole batch, and cut nothing but rows", async () => {
  await using db = await withTable();
  const limits = { ...AMPLE, maxRows: 15 };
  const results = await db.database.batch(
    actor("service_rw"),
    [
      { query: "SELECT generate_series(1, 10)" },
      { query: "INSERT INTO t SELECT generate_series(1, 10) RETURNING id" },
      { query: "SELECT 1 WHERE false" },
      { query: "SELECT 1" },
    ],
    {},
    limits,
  );
  assert.deepEqual(results.map(({ rows }) => rows.length), [10, 5, 0, 0]);
  assert.deepEqual(results.map(({ truncated }) => truncated), [false, true, false, true]);
  assert.equal(await count(db), 10);
});

Deno.test("a row that is too large undoes the batch", async () => {
  await using db = await withTable();
  const limits = { ...AMPLE, maxBytes: 1_000 };
  const statements = [insert(1), { query: "SELECT repeat('x', 5000)" }];
  await assert.rejects(db.database.batch(actor("service_rw"), statements, {}, limits), {
    code: "ROW_TOO_LARGE",
  });
  assert.equal(await count(db), 0);
});

Deno.test("what ends the transaction ends the batch", async () => {
  await using db = await withTable();
  await assert.rejects(batch(db, [insert(1), { query: "COMMIT" }, insert(2)]), {
    code: "QUERY_FORBIDDEN",
  });
  await assert.rejects(batch(db, [insert(3), { query: "ROLLBACK" }]), { code: "QUERY_FORBIDDEN" });
});

Deno.test("statements that cannot run in a transaction are refused before any is sent", async () => {
  await using db = await withTable();
  await assert.rejects(
    db.database.batch(actor("owner"), [insert(1), { query: "VACUUM t" }], {}, AMPLE),
    { code: "QUERY_INVALID", message: /^Statement 2 of 2: / },
  );
  assert.equal(await count(db), 0);
  await db.run("owner", "VACUUM t");
});

Deno.test("a batch that runs too long is undone as a whole", async () => {
  await using db = await withTable();
  const statements = [insert(1), {
    query: "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
  }];
  const limits = { ...AMPLE, timeoutMs: 200 };
  await assert.rejects(db.database.batch(actor("service_rw"), statements, {}, limits), {
    code: "QUERY_TIMEOUT",
    message: /^Statement 2 of 2: /,
  });
  assert.equal(await count(db), 0);
});

Deno.test("a backend that dies before the commit leaves nothing, and the batch may be sent again", async () => {
  await using db = await withTable();
  const doomed = batch(db, [insert(1), {
    query: "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
  }]).then(() => assert.fail("It should fail"), (error) => error);
  while (await db.active() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await db.admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = ${db.project.database} AND state = 'active'`;
  const error = await doomed;
  assert.deepEqual([error.code, error.retryable], ["DATABASE_UNAVAILABLE", true]);
  assert.equal(await count(db), 0);
});
