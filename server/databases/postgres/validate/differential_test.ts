/**
 * The wall and a real PostgreSQL judge the same statements: what the wall calls `read` must never
 * try to write there.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { scratchDatabase } from "../../../testing/postgres.ts";
import { Validator } from "../validate.ts";
import { FluxbaseError } from "../../../errors.ts";
import { ACCEPTED, OWN_ROLE } from "./testing/accepted.ts";
import { FORBIDDEN_FUNCTIONS } from "./functions.ts";
import { arbitraryStatement, GRAMMAR_TABLES } from "./testing/grammar.ts";

const OWNER = { role: "owner", allows: "ddl" } as const;
const PROJECT = { token: "0123456789abcdef0123456789abcdef" };

/** `read_only_sql_transaction`. */
const READ_ONLY = "25006";

type Sql = postgres.Sql;

/** A database for one test, with an administrator's session on it. */
async function openScratch(): Promise<{ sql: Sql } & AsyncDisposable> {
  const scratch = await scratchDatabase();
  const sql = postgres(scratch.url, { max: 1, onnotice: () => {}, prepare: false });
  await sql`set statement_timeout = '2s'`;
  return {
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** SQLSTATE of a statement in a READ ONLY transaction that is rolled back; none when it ran. */
async function readOnly(sql: Sql, query: string): Promise<string | undefined> {
  await sql.unsafe("begin read only");
  try {
    await sql.unsafe(query);
    return undefined;
  } catch (error) {
    return stateOf(error);
  } finally {
    await sql.unsafe("rollback");
  }
}

function stateOf(error: unknown): string {
  if (error instanceof postgres.PostgresError) return error.code;
  throw error;
}

Deno.test("the statements that pass are PostgreSQL, and those classed read write nothing", async () => {
  await using scratch = await openScratch();
  const { sql } = scratch;
  // The role of the table belongs to the whole server: another run may hold it.
  const role = `p_${crypto.randomUUID().replaceAll("-", "")}_urw`;
  await sql.unsafe(`create role ${role}`);
  try {
    for (const [needs, text] of ACCEPTED) {
      const query = text.replaceAll(OWN_ROLE, role).replaceAll(/\$(\d+)/g, "'$1'");
      const state = await readOnly(sql, query);
      if (needs === "read") assert.equal(state, undefined, query);
      else if (!/^(explain|analyze|vacuum|reindex|create index|drop index)/.test(query)) {
        assert.equal(state, READ_ONLY, query);
      }
      // Then for good, so that the next ones find what it made.
      await sql.unsafe(query).catch((error: unknown) => {
        assert.fail(`${query}: ${error}`);
      });
    }
  } finally {
    await sql.unsafe(`drop owned by ${role}`);
    await sql.unsafe(`drop role ${role}`);
  }
});

Deno.test("no generated statement classed read writes, and those classed write do", async () => {
  await using scratch = await openScratch();
  const { sql } = scratch;
  await using validator = new Validator();
  for (const table of GRAMMAR_TABLES) await sql.unsafe(table);
  const seen = { read: 0, write: 0, ddl: 0, readRan: 0, refusedByServer: 0 };
  await fc.assert(
    fc.asyncProperty(arbitraryStatement, async (query) => {
      const verdict = await validator.check(query, OWNER, PROJECT);
      seen[verdict.class]++;
      const state = await readOnly(sql, query);
      if (verdict.class === "read") {
        assert.notEqual(state, READ_ONLY);
        if (state === undefined) seen.readRan++;
      } else if (state === READ_ONLY) {
        seen.refusedByServer++;
      }
    }),
    { numRuns: 600 },
  );
  // The corpus says something only when it holds both, and when most of it runs.
  assert.ok(seen.read > 60 && seen.write > 60 && seen.ddl > 5, JSON.stringify(seen));
  assert.ok(seen.readRan > 0.8 * seen.read, JSON.stringify(seen));
  assert.ok(seen.refusedByServer > 0.5 * (seen.write + seen.ddl), JSON.stringify(seen));
});

Deno.test("no builtin function that may be called under the class read writes", async () => {
  await using scratch = await openScratch();
  const { sql } = scratch;
  await using validator = new Validator();
  await sql.unsafe("create table t (a int primary key)");
  await sql.unsafe("create sequence s");
  const samples: Record<string, string> = {
    bool: "true",
    bytea: "'\\x00'::bytea",
    float8: "1::float8",
    int2: "1::int2",
    int4: "1",
    int8: "1::int8",
    json: "'{}'::json",
    jsonb: "'{}'::jsonb",
    name: "'t'::name",
    oid: "'t'::regclass::oid",
    regclass: "'s'::regclass",
    text: "'t'::text",
    tsquery: "'a'::tsquery",
    tsvector: "'a'::tsvector",
    timestamptz: "now()",
    interval: "interval '1 second'",
    numeric: "1.5",
  };
  const functions = await sql<{ name: string; types: string[] }[]>`
    select proname as name, array(
        select t.typname::text from unnest(proargtypes) with ordinality a(oid, n)
        join pg_type t on t.oid = a.oid order by n) as types
    from pg_proc
    where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f'
      and prorettype not in ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype,
        'language_handler'::regtype, 'index_am_handler'::regtype, 'table_am_handler'::regtype,
        'tsm_handler'::regtype, 'fdw_handler'::regtype, 'cstring'::regtype)
      and not proargtypes::oid[] && array['internal'::regtype, 'cstring'::regtype]::oid[]
      and not proname = any (${[...FORBIDDEN_FUNCTIONS]})
      and not proname ~ '^(generate_series|repeat|xml)'`;
  let called = 0;
  for (const { name, types } of functions) {
    const call = (schema: string) =>
      `select ${schema}"${name}"(${types.map((type) => samples[type] ?? "null").join(", ")})`;
    const verdict = await Promise.resolve(validator.check(call(""), OWNER, PROJECT)).catch((e) =>
      e
    );
    // Named as a type that is refused.
    if (verdict instanceof FluxbaseError) continue;
    const state = await readOnly(sql, call("pg_catalog."));
    if (state === undefined) called++;
    if (verdict.class === "read") assert.notEqual(state, READ_ONLY, call(""));
  }
  assert.ok(called > 1000, `${called} of ${functions.length} functions ran`);
});

Deno.test("the wall and the server point at the same place of a text that does not parse", async () => {
  await using scratch = await openScratch();
  await using validator = new Validator();
  const texts = [
    "selct 1",
    "select 'é' frm x y",
    "select '😀', from where",
    "select \"👩‍👩‍👧\", ('世界' y z",
    "select 1 +",
    "select 'é",
    "select $$é",
    "insert into t values (1,, 2)",
    "create table é (a int, b)",
    "select 1\n, 'ü'\n frm t u",
    "select u&'\\zzzz'",
  ];
  for (const text of texts) {
    const ours = await Promise.resolve(validator.check(text, OWNER, PROJECT)).catch((e) => e);
    assert.ok(ours instanceof FluxbaseError && ours.code === "QUERY_SYNTAX", text);
    const theirs = await scratch.sql.unsafe(text).catch((e) => e);
    assert.ok(theirs instanceof postgres.PostgresError, text);
    assert.equal(ours.message, theirs.message, text);
    assert.equal(ours.fields.position, Number(theirs.position), text);
    assert.equal(ours.fields.sqlstate, theirs.code, text);
  }
});

Deno.test("nothing that passes keeps the server's parser busy for long", async () => {
  await using scratch = await openScratch();
  const { sql } = scratch;
  await using validator = new Validator();
  const columns = Array.from({ length: 1500 }, (_, i) => `c${i} int`).join();
  await sql.unsafe(`create table w (${columns})`);
  await sql.unsafe("create table t (a int, b int)");
  const fill = (start: string, unit: (i: number) => string, end: string) => {
    let text = start;
    for (let i = 0; text.length < 250_000; i++) text += unit(i);
    return text + end;
  };
  const texts = [
    fill("select ", () => "+", "1"),
    fill("select ", () => "-+", "1"),
    fill("select ", () => "+".repeat(128) + " ", "1"),
    fill("select 1 ", () => "/*", ""),
    fill("select 1 ", () => "/*".repeat(64) + " ", ""),
    fill("select 1 ", () => "/**/+", "1"),
    fill("select 1 from t group by ", (i) => `a+${i},`, "a"),
    fill("select 1 from t order by ", (i) => `a+${i},`, "a"),
    fill("select distinct on (", (i) => `a+${i},`, "a) 1 from t"),
    fill("select distinct ", (i) => `a+${i},`, "a from t"),
    fill("select 1 from t group by grouping sets (", (i) => `(a+${i}),`, "(a))"),
    fill("select ", (i) => `sum(a) over (order by a+${i}),`, "1 from t"),
    fill("select ", (i) => `sum(a order by a+${i}),`, "1 from t"),
    fill("select 1 from ", (i) => `t a${i},`, "t"),
    fill("select 1 from ", (i) => `now() a${i},`, "t"),
    fill("select 1 from w", (i) => ` natural join w w${i}`, ""),
    fill("select 1 from w", (i) => ` join w w${i} using (c1)`, ""),
    fill("with c0 as (select 1 x)", (i) => `, c${i + 1} as (select *, 1 from c${i})`, " select 1"),
    fill(
      "with c0 as (select * from w)",
      (i) => `, c${i + 1} as (select * from c${i})`,
      " select 1",
    ),
    fill("select * from w", () => " union all select * from w", ""),
    fill("select ", () => "w.*,", "1 from w"),
    fill("select ", () => "(select 1 from t group by a,a+1,a+2,a+3,a+4,a+5,a+6),", "1"),
    fill("select * from json_table('{}'::jsonb, '$' columns (", (i) => `x${i} int,`, "y int))"),
    fill("select 1 from t where a in (", (i) => `${i},`, "1)"),
    fill("select 1 from t where ", (i) => `a = ${i} or `, "false"),
    fill("values ", (i) => `(${i}),`, "(1)"),
  ];
  let passed = 0;
  for (const text of texts) {
    try {
      await validator.check(text, OWNER, PROJECT);
    } catch (error) {
      assert.ok(error instanceof FluxbaseError, text.slice(0, 60));
      continue;
    }
    passed++;
    const start = performance.now();
    // Parses and plans; the server's time-out shows only what is deaf to it.
    await sql.unsafe(`explain ${text}`).catch(stateOf);
    const spent = performance.now() - start;
    assert.ok(spent < 4000, `${text.slice(0, 60)}: ${spent} ms`);
  }
  assert.ok(passed >= 3, `${passed} passed`);
});
