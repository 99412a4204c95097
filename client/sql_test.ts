import assert from "node:assert/strict";
import type { UnknownRow, Untyped } from "./database_types.ts";
import { FluxbaseError } from "./errors.ts";
import { type CallOptions, sqlTag, type Statement } from "./sql.ts";

/** A tag whose statements are written down instead of sent. */
function recordingTag(failure?: Error) {
  const ran: { statement: Statement; options: CallOptions }[] = [];
  const info = { columns: [], rowCount: 0, command: "SELECT", truncated: false };
  const record = <Row>(statement: Statement, options: CallOptions) => {
    ran.push({ statement, options });
    const rows: Row[] = [];
    return failure ? Promise.reject(failure) : Promise.resolve(Object.assign(rows, info));
  };
  const sql = sqlTag<Untyped>({
    objects: record,
    arrays: record,
    async *stream(statement, options) {
      yield* await record<UnknownRow>(statement, options);
    },
  });
  return { sql, ran };
}

const { sql } = recordingTag();

Deno.test("every interpolated value is a bound parameter", () => {
  const evil = "'; drop table users; --";
  assert.deepEqual(sql`select * from t where a = ${evil} and b = ${7}`.toStatement(), {
    query: "select * from t where a = $1 and b = $2",
    params: [evil, 7],
  });
});

Deno.test("a nested statement is a fragment whose values keep their order", () => {
  const active = sql`active = ${true}`;
  const inner = sql`select id from teams where ${active} and size > ${3}`;
  assert.deepEqual(
    sql`select ${1} from users where team in (${inner}) and ${active} limit ${9}`.toStatement(),
    {
      query: "select $1 from users where team in " +
        "(select id from teams where active = $2 and size > $3) and active = $4 limit $5",
      params: [1, true, 3, true, 9],
    },
  );
});

Deno.test("a nested statement does not run", async () => {
  const { sql, ran } = recordingTag();
  const inner = sql`select 1`;
  await sql`select (${inner})`;
  assert.deepEqual(ran.map(({ statement }) => statement.query), ["select (select 1)"]);
});

Deno.test("identifiers are quoted, paths by their parts", () => {
  const name = sql.identifier('we"ird; --');
  assert.equal(
    sql`select ${name} from ${sql.identifier("public", "User")}`.toStatement().query,
    'select "we""ird; --" from "public"."User"',
  );
  assert.throws(() => sql.identifier(""), /Cannot quote ""/);
  assert.throws(() => sql.identifier("a\0b"), /Cannot quote "a\\u0000b"/);
});

Deno.test("join puts a separator between values and fragments", () => {
  assert.deepEqual(
    sql`where id in (${sql.join([1, [2, 3], sql`${4} + 1`])})`.toStatement(),
    { query: "where id in ($1, $2, $3 + 1)", params: [1, [2, 3], 4] },
  );
  const conditions = [sql`a = ${1}`, sql`b = ${2}`];
  assert.equal(
    sql`where ${sql.join(conditions, sql` and `)}`.toStatement().query,
    "where a = $1 and b = $2",
  );
  assert.throws(() => sql.join([]), /Cannot join an empty list/);
  // @ts-expect-error A separator is a fragment: a text would be SQL.
  assert.throws(() => sql.join([1], " or 1=1 or "), /Cannot join by a text/);
});

Deno.test("what only looks like a fragment is a parameter", () => {
  const forged = { texts: ["drop table users"], values: [], toStatement: "drop table users" };
  assert.deepEqual(sql`select ${forged}`.toStatement(), {
    query: "select $1",
    params: [forged],
  });
});

Deno.test("calling the tag as a function with a text is refused, by the compiler and at run time", () => {
  // @ts-expect-error A text is no template.
  assert.throws(() => sql("select 1"), /called without parentheses.*query\(text, params\)/);
  // @ts-expect-error An array as JSON makes it is no template either.
  assert.throws(() => sql(["select 1"]), /called without parentheses/);
});

Deno.test("undefined is no parameter", () => {
  const missing: { id?: number } = {};
  // @ts-expect-error It may be undefined.
  sql`select ${missing.id}`;
});

Deno.test("a statement runs when awaited, once however often it is awaited", async () => {
  const { sql, ran } = recordingTag();
  const statement = sql`select 1`;
  assert.equal(ran.length, 0);
  await Promise.all([statement, statement]);
  await statement;
  assert.equal(ran.length, 1);
});

Deno.test("values, stream and options run the same statement", async () => {
  const { sql, ran } = recordingTag();
  const { signal } = new AbortController();
  const statement = sql`select ${1}`.with({ timeoutMs: 5 }).with({ signal });
  await statement.values();
  for await (const _ of statement.stream()) { /* none */ }
  await statement;
  assert.equal(ran.length, 3);
  for (const { statement, options } of ran) {
    assert.deepEqual(statement, { query: "select $1", params: [1] });
    assert.deepEqual(options, { timeoutMs: 5, signal });
  }
});

Deno.test("safe gives Fluxbase's errors as values and throws others", async () => {
  const failure = new FluxbaseError({ code: "CONFLICT", message: "Twice" });
  assert.deepEqual(await recordingTag(failure).sql`select 1`.safe(), {
    data: null,
    error: failure,
  });
  assert.equal((await sql`select 1`.safe()).error, null);
  const defect = new TypeError("Defect");
  await assert.rejects(recordingTag(defect).sql`select 1`.safe(), defect);
});
