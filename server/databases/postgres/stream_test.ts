import assert from "node:assert/strict";
import { heldBytes } from "../../testing/memory.ts";
import type { JsonValue, Limits } from "../database.ts";
import { actor, AMPLE, type TestDatabase, testDatabase } from "../../testing/postgres_database.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function open(
  db: TestDatabase,
  query: string,
  limits: Partial<Limits> = {},
  params: JsonValue[] = [],
) {
  return db.database.stream(actor("service_rw"), { query, params }, { ...AMPLE, ...limits });
}

async function collect(db: TestDatabase, query: string, params: JsonValue[] = []) {
  const chunks = await Array.fromAsync(open(db, query, {}, params));
  return {
    first: chunks[0],
    last: chunks.at(-1),
    rows: chunks.flatMap((chunk) => "rows" in chunk ? chunk.rows : []),
    chunks: chunks.length - 2,
  };
}

Deno.test("a stream begins with the columns and ends with the count", async () => {
  await using db = await testDatabase();
  const { first, last, rows } = await collect(
    db,
    "SELECT n, n::int8 AS big, 'x' AS x FROM generate_series(1, $1::int) AS n",
    [1234],
  );
  assert.deepEqual(first, {
    columns: [
      { name: "n", type: "int4" },
      { name: "big", type: "int8" },
      { name: "x", type: "text" },
    ],
  });
  assert.deepEqual(last, { done: { rowCount: 1234, command: "SELECT" } });
  assert.equal(rows.length, 1234);
  assert.deepEqual(rows[1233], [1234, "1234", "x"]);
});

Deno.test("streams of no rows, of a write and of the project's own types are whole", async () => {
  await using db = await testDatabase();
  await db.run("owner", "CREATE TYPE mood AS ENUM ('sad', 'glad')");
  await db.run("owner", "CREATE TABLE t (id int, m mood[])");
  const none = await collect(db, "TABLE t");
  assert.deepEqual([none.rows, none.last], [[], { done: { rowCount: 0, command: "SELECT" } }]);
  const plain = await collect(db, "INSERT INTO t VALUES ($1, $2)", [1, ["glad"]]);
  assert.deepEqual(plain.first, { columns: [] });
  assert.deepEqual(plain.last, { done: { rowCount: 1, command: "INSERT" } });
  const returning = await collect(db, "UPDATE t SET id = 2 RETURNING *");
  assert.deepEqual(returning.rows, [[2, ["glad"]]]);
});

Deno.test("chunks are bounded by rows and by bytes", async () => {
  await using db = await testDatabase();
  const narrow = await collect(db, "SELECT generate_series(1, 10000)");
  assert.equal(narrow.rows.length, 10_000);
  assert.equal(narrow.chunks, 20);
  const wide = await collect(db, "SELECT repeat('x', 100000) FROM generate_series(1, 100)");
  assert.equal(wide.rows.length, 100);
  assert.equal(wide.chunks, 34);
});

Deno.test("two million rows pass in bounded memory, also to a slow consumer", async () => {
  await using db = await testDatabase();
  await collect(db, "SELECT generate_series(1, 100000)");
  const before = heldBytes();
  let rows = 0;
  let peak = 0;
  for await (const chunk of open(db, "SELECT generate_series(1, 2000000), repeat('x', 50)")) {
    if (!("rows" in chunk)) continue;
    rows += chunk.rows.length;
    peak = Math.max(peak, heldBytes());
    // Now and then the consumer is away for a while.
    if (rows % 500_000 === 0) await sleep(200);
  }
  assert.equal(rows, 2_000_000);
  assert.ok(peak - before < 150e6, `Memory grew by ${peak - before} bytes`);
});

Deno.test("a consumer that stands still makes the server wait", async () => {
  await using db = await testDatabase();
  const rows = open(db, "SELECT generate_series(1, 100000000), repeat('x', 1000)");
  await rows.next();
  await rows.next();
  const before = heldBytes();
  await sleep(700);
  assert.ok(heldBytes() - before < 40e6);
  const [waiting] = await db.admin`SELECT wait_event FROM pg_stat_activity
    WHERE datname = ${db.project.database} AND state = 'active'`;
  assert.equal(waiting?.wait_event, "ClientWrite");
  await rows.return?.();
});

Deno.test("a consumer that leaves frees the session", async () => {
  await using db = await testDatabase({ connections: 1 });
  for await (const chunk of open(db, "SELECT generate_series(1, 100000000)")) {
    if ("rows" in chunk) break;
  }
  const left = performance.now();
  assert.deepEqual((await db.run("service_rw", "SELECT 1")).rows, [[1]]);
  assert.ok(performance.now() - left < 1_000);
});

Deno.test("an aborted stream frees the session though nobody reads on", async () => {
  await using db = await testDatabase({ connections: 1 });
  const leaving = new AbortController();
  const rows = open(db, "SELECT generate_series(1, 100000000)", { signal: leaving.signal });
  await rows.next();
  await rows.next();
  leaving.abort();
  const left = performance.now();
  assert.deepEqual((await db.run("service_rw", "SELECT 1")).rows, [[1]]);
  assert.ok(performance.now() - left < 1_000);
  await assert.rejects(async () => {
    while (!(await rows.next()).done);
  }, { code: "QUERY_CANCELED" });
});

Deno.test("a consumer that stands still is ended by the time limit", async () => {
  await using db = await testDatabase({ connections: 1 });
  const rows = open(db, "SELECT generate_series(1, 100000000)", { timeoutMs: 300 });
  await rows.next();
  await rows.next();
  assert.deepEqual((await db.run("service_rw", "SELECT 1")).rows, [[1]]);
  await assert.rejects(async () => {
    while (!(await rows.next()).done);
  }, { code: "QUERY_TIMEOUT" });
});

Deno.test("an error after the first rows reaches the consumer behind them", async () => {
  await using db = await testDatabase();
  let rows = 0;
  await assert.rejects(async () => {
    for await (
      const chunk of open(db, "SELECT 1 / (1500 - n) FROM generate_series(1, 3000) AS n")
    ) {
      if ("rows" in chunk) rows += chunk.rows.length;
    }
  }, { code: "QUERY_INVALID", fields: { sqlstate: "22012" } });
  assert.equal(rows, 1499);
  await assert.rejects(collect(db, "SELECT nonsense"), { code: "QUERY_INVALID" });
  await assert.rejects(collect(db, "SELECT $1::int", ["x"]), { code: "PARAMETER_INVALID" });
  assert.deepEqual((await db.run("service_rw", "SELECT 1")).rows, [[1]]);
});

Deno.test("one huge row ends the stream instead of filling the memory", async () => {
  await using db = await testDatabase();
  await assert.rejects(collect(db, "SELECT repeat('x', 100000000)"), { code: "ROW_TOO_LARGE" });
});
