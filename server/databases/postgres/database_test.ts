import assert from "node:assert/strict";
import { actor, AMPLE, testDatabase } from "../../testing/postgres_database.ts";
import { Validator } from "./validate.ts";

Deno.test("the parser's wall stands before every way into the database", async () => {
  await using validator = new Validator();
  await using db = await testDatabase({ validator });
  const reading = { role: "service_rw", allows: "read" } as const;
  const refused = { code: "QUERY_FORBIDDEN" };
  for (
    const query of [
      "SET work_mem = '1GB'",
      "COMMIT",
      "CREATE TABLE t (id int)",
      "SELECT 1; SELECT 2",
    ]
  ) {
    await assert.rejects(db.database.execute(reading, { query }, AMPLE), refused, query);
    await assert.rejects(db.database.batch(reading, [{ query }], {}, AMPLE), refused, query);
    await assert.rejects(db.database.stream(reading, { query }, AMPLE).next(), refused, query);
  }
  assert.equal(db.budget.open, 0, "No connection was opened for them");
  const result = await db.database.execute(
    reading,
    { query: "SELECT $1::int AS n", params: [1] },
    AMPLE,
  );
  assert.deepEqual(result.rows, [[1]]);
  await assert.rejects(
    db.database.batch(actor("owner"), [{ query: "SELECT 1" }, { query: "VACUUM" }], {}, AMPLE),
    { message: /^Statement 2 of 2: / },
  );
});

Deno.test("explained statements and cut off ones name their verb", async () => {
  await using validator = new Validator();
  await using db = await testDatabase({ validator });
  const limits = { ...AMPLE, maxRows: 2 };
  const verbs = [];
  for (
    const query of [
      "EXPLAIN SELECT * FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid",
      "VALUES (1), (2), (3)",
      "SELECT generate_series(1, 10000000)",
    ]
  ) {
    const { command, truncated, rows } = await db.database.execute(
      actor("service_ro"),
      { query },
      limits,
    );
    verbs.push([command, truncated, rows.length]);
  }
  assert.deepEqual(verbs, [["EXPLAIN", true, 2], ["SELECT", true, 2], ["SELECT", true, 2]]);
});

Deno.test("a database describes itself as the actor may see it", async () => {
  await using db = await testDatabase();
  await db.run("owner", "CREATE TYPE mood AS ENUM ('sad', 'glad')");
  await db.run("owner", "CREATE TABLE t (id int8 PRIMARY KEY, m mood NOT NULL)");
  const { tables, enums } = await db.database.describe(actor("service_ro"), { timeoutMs: 10_000 });
  assert.deepEqual(tables.map(({ name, primaryKey }) => [name, primaryKey]), [["t", ["id"]]]);
  assert.deepEqual(enums, [{ name: "mood", values: ["sad", "glad"] }]);
  await assert.rejects(
    db.database.describe(actor("service_ro"), { timeoutMs: 10_000, signal: AbortSignal.abort() }),
    { code: "QUERY_CANCELED" },
  );
});
