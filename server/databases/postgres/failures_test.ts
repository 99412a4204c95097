import assert from "node:assert/strict";
import type { FluxbaseError } from "../../errors.ts";
import type { JsonValue, RoleName } from "../database.ts";
import { actor, AMPLE, testDatabase } from "../../testing/postgres_database.ts";

const SETUP = [
  "CREATE TABLE parent (id int PRIMARY KEY)",
  `CREATE TABLE t (
     id int PRIMARY KEY, name text NOT NULL, age int CHECK (age > 0),
     parent int REFERENCES parent, span int4range, EXCLUDE USING gist (span WITH &&))`,
  "INSERT INTO t VALUES (1, 'one', 1, NULL, '[1,5)')",
  `CREATE FUNCTION raise() RETURNS int LANGUAGE plpgsql AS $$
   BEGIN RAISE EXCEPTION 'Out of stock' USING DETAIL = 'Only 3', HINT = 'Order fewer'; END $$`,
  "CREATE POLICY everything ON t USING (true) WITH CHECK (true)",
];

type Case = readonly [query: string, params: readonly JsonValue[], expected: object];

const CASES: readonly Case[] = [
  ["SELEC 1", [], { code: "QUERY_SYNTAX", status: 400, sqlstate: "42601", position: 1 }],
  ["SELECT * FROM nix", [], {
    code: "QUERY_UNDEFINED",
    status: 404,
    sqlstate: "42P01",
    position: 15,
  }],
  ["SELECT nix(1)", [], { code: "QUERY_UNDEFINED", status: 404, sqlstate: "42883", position: 8 }],
  ["SELECT nix FROM t", [], { code: "QUERY_INVALID", status: 400, sqlstate: "42703" }],
  ["INSERT INTO t VALUES (1, 'x')", [], {
    code: "CONFLICT",
    status: 409,
    sqlstate: "23505",
    constraint: "t_pkey",
    table: "t",
    detail: "Key (id)=(1) already exists.",
  }],
  ["INSERT INTO t VALUES (2, 'x', 1, 7)", [], {
    code: "CONFLICT",
    status: 409,
    sqlstate: "23503",
    constraint: "t_parent_fkey",
  }],
  ["INSERT INTO t VALUES (2, NULL)", [], {
    code: "CONSTRAINT_VIOLATION",
    status: 400,
    sqlstate: "23502",
    column: "name",
  }],
  ["INSERT INTO t VALUES (2, 'x', -1)", [], {
    code: "CONSTRAINT_VIOLATION",
    sqlstate: "23514",
    constraint: "t_age_check",
  }],
  ["INSERT INTO t VALUES (2, 'x', 1, NULL, '[2,3)')", [], {
    code: "CONSTRAINT_VIOLATION",
    sqlstate: "23P01",
  }],
  ["SELECT 1 / 0", [], { code: "QUERY_INVALID", sqlstate: "22012" }],
  ["SELECT 'x'::int", [], { code: "QUERY_INVALID", sqlstate: "22P02", position: 8 }],
  ["SELECT $1::int", ["x"], { code: "PARAMETER_INVALID", status: 400, sqlstate: "22P02" }],
  ["SELECT $1::date", ["2026-13-01"], { code: "PARAMETER_INVALID", sqlstate: "22008" }],
  ["SELECT $1::text", ["a\u0000b"], { code: "PARAMETER_INVALID", sqlstate: "22021" }],
  ["SELECT $1::int, $2::int", [1], { code: "PARAMETER_INVALID", sqlstate: "08P01" }],
  ["SELECT raise()", [], {
    code: "QUERY_RAISED",
    status: 400,
    message: "Out of stock",
    sqlstate: "P0001",
    detail: "Only 3",
    hint: "Order fewer",
  }],
  ["SELECT pg_read_file('/etc/passwd')", [], {
    code: "QUERY_FORBIDDEN",
    status: 403,
    sqlstate: "42501",
  }],
];

function seen(error: FluxbaseError, expected: object): object {
  const { requestId: _, ...all } = error.toWire("");
  const wire = { ...all, status: error.status } as Record<string, unknown>;
  return Object.fromEntries(Object.keys(expected).map((key) => [key, wire[key]]));
}

Deno.test("PostgreSQL's errors have the registry's codes and keep the fields that are theirs", async (t) => {
  await using db = await testDatabase();
  for (const query of SETUP) await db.run("owner", query);
  const fail = (role: RoleName, query: string, params: readonly JsonValue[] = []) =>
    db.database.execute(actor(role), { query, params }, AMPLE)
      .then(() => assert.fail(`It should fail: ${query}`), (error: FluxbaseError) => error);

  for (const [query, params, expected] of CASES) {
    await t.step(`${query} ${JSON.stringify(params)}`, async () => {
      // Unprepared, then prepared.
      for (let round = 0; round < 3; round++) {
        const error = await fail("service_rw", query, params);
        assert.deepEqual(seen(error, expected), expected);
        const allowed = new Set([
          "sqlstate",
          "detail",
          "hint",
          "position",
          "constraint",
          "table",
          "column",
          "retryable",
        ]);
        for (const key of Object.keys(error.fields)) assert.ok(allowed.has(key), key);
      }
    });
  }

  await t.step("a reading role that writes is refused by the database", async () => {
    const error = await fail("service_ro", "INSERT INTO t VALUES (5, 'x')");
    assert.deepEqual([error.code, error.fields.sqlstate], ["QUERY_FORBIDDEN", "25006"]);
  });

  await t.step("end users are not told the values of rows", async () => {
    const error = await fail("user_rw", "INSERT INTO t VALUES (1, 'x')");
    assert.equal(error.code, "CONFLICT");
    assert.equal(error.fields.detail, undefined);
    assert.equal(error.fields.constraint, "t_pkey");
  });

  await t.step("positions count characters, also beyond the basic plane", async () => {
    const query = "SELECT 'äß€😀👩‍👩‍👧', nix";
    const { position = 0 } = (await fail("service_rw", query)).fields;
    assert.deepEqual([...query].slice(position - 1).join(""), "nix");
  });

  await t.step("a lock that is not to be had is a conflict to try again", async () => {
    const keeper = db.project.as("admin");
    await keeper.begin(async (sql) => {
      await sql`SELECT * FROM public.t FOR UPDATE`;
      const error = await fail("service_rw", "SELECT 1 FROM t FOR UPDATE NOWAIT");
      assert.deepEqual([error.code, error.retryable, error.fields.sqlstate], [
        "TRANSACTION_CONFLICT",
        true,
        "55P03",
      ]);
    });
  });

  await t.step("too many parameters and broken text are refused before they are sent", async () => {
    const many = await fail("service_rw", "SELECT 1", new Array(65_534).fill(1));
    assert.equal(many.code, "PARAMETER_INVALID");
    const broken = await fail("service_rw", "SELECT $1::text", ["\ud800"]);
    assert.equal(broken.code, "PARAMETER_INVALID");
  });
});
