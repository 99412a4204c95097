import assert from "node:assert/strict";
import { type Client, createClient } from "./client.ts";
import { FluxbaseError, fluxbaseErrorOf, safe } from "./errors.ts";
import { startTestApp, type TestApp } from "../server/testing/app.ts";
import { type ScratchPlane, scratchPlane, until } from "../server/testing/control_plane.ts";
import type { TestProject } from "../server/testing/rest.ts";

let app: TestApp;
/** A look at the whole PostgreSQL, as its administrator. */
let look: ScratchPlane;
let project: TestProject;
let client: Client;

Deno.test.beforeAll(async () => {
  app = await startTestApp();
  look = await scratchPlane();
  project = await app.project("shop");
  client = createClient({ url: app.url, key: project.key });
  await client.sql`create table users (id int8 primary key, email text unique not null)`;
});
Deno.test.afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await look[Symbol.asyncDispose]();
});

/** Counts for minutes, in little memory. */
const SLOW = "select count(*) from (select generate_series(1, 10000000000)) s";

/** Statements with this text that the database works on right now. */
async function running(text: string): Promise<number> {
  const rows = await look.sql`
    select from pg_stat_activity
    where state = 'active' and position(${text} in query) > 0 and pid <> pg_backend_pid()`;
  return rows.length;
}

Deno.test("values of every kind come back from the database as they were sent", async () => {
  const instant = new Date("2024-02-29T12:30:00.123Z");
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const [row] = await client.sql`
    select ${9223372036854775807n}::int8 as big, ${"0.1000"}::numeric as exact, ${-0}::float8 as zero,
      ${NaN}::float8 as nan, ${-Infinity}::float4 as low, ${instant}::timestamptz as instant,
      ${bytes}::bytea as bytes, ${{ a: [1, "x", null] }}::jsonb as document,
      ${[1n, null, 2n]}::int8[] as longs, ${[[1.5, 2], [3, NaN]]}::float8[] as matrix,
      ${[new Uint8Array([1]), null]}::bytea[] as blobs, ${["a,b", '"{}\\']}::text[] as texts,
      ${Int32Array.of(1, -2)}::int4[] as typed, ${[1, [2]]}::jsonb as list, ${null}::text as none,
      ${true}::bool as yes, ${"x".repeat(100_000)}::text as long`;
  assert.deepEqual(row, {
    big: 9223372036854775807n,
    exact: "0.1000",
    zero: -0,
    nan: NaN,
    low: -Infinity,
    instant: "2024-02-29T12:30:00.123000Z",
    bytes,
    document: { a: [1, "x", null] },
    longs: [1n, null, 2n],
    matrix: [[1.5, 2], [3, NaN]],
    blobs: [new Uint8Array([1]), null],
    texts: ["a,b", '"{}\\'],
    typed: [1, -2],
    list: [1, [2]],
    none: null,
    yes: true,
    long: "x".repeat(100_000),
  });
});

Deno.test("a value that comes back is a parameter that means the same", async () => {
  const [row] = await client.sql`
    select 'infinity'::timestamptz as a, '0044-03-15 10:00:00+00 BC'::timestamptz as b,
      '12024-01-01'::date as c, '1 mon -2 days'::interval as d, '\\xdeadbeef'::bytea as e,
      '{1e400}'::numeric[] as f, '[1,5)'::int4range as g`;
  const same = await client.sql`
    select ${row?.a as string}::timestamptz = 'infinity' as a,
      ${row?.b as string}::timestamptz = '0044-03-15 10:00:00+00 BC' as b,
      ${row?.c as string}::date = '12024-01-01' as c,
      ${row?.d as string}::interval = '1 mon -2 days' as d,
      ${row?.e as Uint8Array}::bytea = '\\xdeadbeef' as e,
      ${row?.f as string[]}::numeric[] = '{1e400}' as f, ${row
    ?.g as string}::int4range = '[1,5)' as g,
      ${new Date(Date.UTC(-43, 2, 15, 10))}::timestamptz = '0044-03-15 10:00:00+00 BC' as h,
      ${new Date(Date.UTC(12024, 0, 1))}::timestamptz = '12024-01-01 00:00:00+00' as i`;
  const yes = { a: true, b: true, c: true, d: true, e: true, f: true, g: true, h: true, i: true };
  assert.deepEqual([...same], [yes]);
});

Deno.test("options choose other forms of values", async () => {
  const plain = createClient({
    url: app.url,
    key: project.key,
    decode: { int8: "number-if-safe", timestamptz: "date" },
  });
  const [row] = await plain.sql`
    select 7::int8 as small, 9007199254740993 as big, timestamptz '2024-02-29 12:30Z' as at`;
  assert.deepEqual(row, {
    small: 7,
    big: 9007199254740993n,
    at: new Date("2024-02-29T12:30:00Z"),
  });
});

Deno.test("an interpolated value never becomes SQL text", async () => {
  const evil = "'); drop table users; --";
  assert.deepEqual(await client.sql`select ${evil}::text as t`.values(), [[evil]]);
  const name = 'a"b; --';
  const [row] = await client.sql`select 1 as ${client.sql.identifier(name)}`;
  assert.deepEqual(row, { [name]: 1 });
  assert.equal((await client.sql`select from users`).rowCount, 0);
});

Deno.test("nested statements, identifiers and joined lists run as one statement", async () => {
  const { sql } = client;
  const some = sql`select n from generate_series(1, 9) n where n in (${sql.join([2, 3, 5])})`;
  const rows = await sql<{ sum: bigint }>`
    select sum(${sql.identifier("s", "n")}) as sum from (${some}) s where n > ${2}`;
  assert.deepEqual([...rows], [{ sum: 8n }]);
});

Deno.test("rows say what is known of the result", async () => {
  const rows = await client.sql`select n, n::text as t from generate_series(1, 3) n`;
  assert.deepEqual(rows.columns, [{ name: "n", type: "int4" }, { name: "t", type: "text" }]);
  assert.deepEqual([rows.rowCount, rows.command, rows.truncated], [3, "SELECT", false]);
  assert.deepEqual(JSON.stringify(rows[0]), '{"n":1,"t":"1"}');
  assert.deepEqual(Object.keys(rows), ["0", "1", "2"]);

  const cut = await client.sql`select n from generate_series(1, 9) n`.with({ maxRows: 4 });
  assert.deepEqual([cut.length, cut.truncated], [4, true]);
});

Deno.test("query answers rows as objects or as arrays, in which equal names survive", async () => {
  const text = "select $1::int4 as a, $2::int8 as a";
  const { rows } = await client.query<{ a: bigint }>(text, [1, 2n]);
  assert.deepEqual(rows, [{ a: 2n }]);
  const result = await client.query(text, [1, 2n], { rowMode: "array" });
  assert.deepEqual(result, {
    rows: [[1, 2n]],
    columns: [{ name: "a", type: "int4" }, { name: "a", type: "int8" }],
    rowCount: 1,
    command: "SELECT",
    truncated: false,
  });
  assert.deepEqual(await client.sql`select 1 as a, 2 as a`.values(), [[1, 2]]);
});

Deno.test("a column named __proto__ is a column like any other", async () => {
  const [row] = await client.sql`select '{"admin": true}'::jsonb as "__proto__"`;
  assert.deepEqual(Object.keys(row ?? {}), ["__proto__"]);
  assert.equal("admin" in (row ?? {}), false);
});

Deno.test("a batch is one transaction: all of it, or nothing", async () => {
  const { sql } = client;
  const [inserted, counted] = await client.batch([
    sql<{ id: bigint }>`insert into users values (${1n}, ${"a@x"}), (${2n}, ${"b@x"}) returning id`,
    { query: "select count(*) as n from users where id <= $1", params: [2] },
  ], { isolation: "repeatable read" });
  assert.deepEqual(inserted.rows, [{ id: 1n }, { id: 2n }]);
  assert.deepEqual(counted.rows, [{ n: 2n }]);

  await assert.rejects(
    client.batch([sql`delete from users`, sql`insert into users values (1, null)`]),
    { name: "FluxbaseError", code: "CONSTRAINT_VIOLATION", column: "email" },
  );
  assert.equal((await sql`select from users`).rowCount, 2);
  await assert.rejects(client.batch([sql`delete from users`], { readOnly: true }), {
    code: "QUERY_FORBIDDEN",
  });
  await assert.rejects(client.batch([sql`select ${undefined as unknown as null}`]), {
    code: "PARAMETER_INVALID",
  });
});

Deno.test("errors carry the database's own fields", async () => {
  const { error } = await client.sql`insert into users values (${3n}, ${"a@x"})`.safe();
  assert.ok(error instanceof FluxbaseError);
  assert.equal(error.code, "CONFLICT");
  assert.equal(error.sqlstate, "23505");
  assert.equal(error.constraint, "users_email_key");
  assert.equal(error.table, "users");
  assert.match(error.detail ?? "", /a@x/);
  assert.equal(error.retryable, false);
  assert.notEqual(error.requestId ?? "", "");

  const text = "select 'ü' as a, b frm users";
  const wrong = await safe(client.query(text));
  assert.equal(wrong.error?.code, "QUERY_SYNTAX");
  assert.equal(wrong.error?.position, text.indexOf("users") + 1);
  await assert.rejects(client.query("select * from nowhere"), { code: "QUERY_UNDEFINED" });
  await assert.rejects(client.query(SLOW, [], { timeoutMs: 50 }), {
    code: "QUERY_TIMEOUT",
  });
  const stranger = createClient({ url: app.url, key: "flx_sk_nobody" });
  await assert.rejects(stranger.query("select 1"), { code: "UNAUTHORIZED" });
  await assert.rejects(stranger.stream("select 1").next(), { code: "UNAUTHORIZED" });
});

Deno.test("a stream hands over every row in order, of every type", async () => {
  let expected = 1n;
  const rows = client.stream<{ n: bigint; twice: string }>(
    "select n, (n * 2)::text as twice from generate_series(1, $1::int8) n",
    [100_000n],
  );
  for await (const { n, twice } of rows) {
    assert.equal(n, expected++);
    assert.equal(twice, String(n * 2n));
  }
  assert.equal(expected, 100_001n);
  const none = await Array.fromAsync(client.sql`select 1 where ${false}`.stream());
  assert.deepEqual(none, []);
});

Deno.test("an error in the middle of a stream comes after the rows before it", async () => {
  let count = 0;
  await assert.rejects(async () => {
    for await (
      const _ of client.stream("select 1 / (50000 - n) from generate_series(1, 99999) n")
    ) {
      count++;
    }
  }, { name: "FluxbaseError", code: "QUERY_INVALID", sqlstate: "22012" });
  assert.ok(count > 0 && count < 50_000, `${count} rows`);
});

Deno.test("leaving a stream stops its statement in the database within a second", async () => {
  const text = "select generate_series(1, 1000000000) as n /* left alone */";
  for await (const _ of client.stream(text)) {
    assert.equal(await running("left alone"), 1);
    break;
  }
  await until(async () => await running("left alone") === 0, 1_000);
});

Deno.test("aborting a call stops its statement in the database within a second", async () => {
  const controller = new AbortController();
  const counting = client.query(`${SLOW} /* aborted */`, [], { signal: controller.signal });
  const rejected = assert.rejects(counting, { name: "AbortError" });
  await until(async () => await running("aborted") === 1, 2_000);
  controller.abort();
  await rejected;
  await until(async () => await running("aborted") === 0, 1_000);
});

Deno.test("a reading key reads and cannot write, and describes what is there", async () => {
  const reader = createClient({ url: app.url, key: await project.keyWith(["sql:read"]) });
  assert.ok((await reader.sql`select from users`).rowCount > 0);
  await assert.rejects(reader.sql`delete from users`, { code: "QUERY_FORBIDDEN" });
  const { tables } = await reader.describe();
  assert.deepEqual(tables.map(({ name, primaryKey }) => ({ name, primaryKey })), [
    { name: "users", primaryKey: ["id"] },
  ]);
});

Deno.test("the bare client's errors hold Fluxbase's", async () => {
  const thrown: unknown = await client.trpc.projects.list.query().catch((error: unknown) => error);
  assert.equal(fluxbaseErrorOf(thrown)?.code, "SCOPE_MISSING");
  assert.equal(fluxbaseErrorOf(new Error("other")), undefined);
});
