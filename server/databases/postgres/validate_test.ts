import assert from "node:assert/strict";
import type { Actor, StatementClass } from "../database.ts";
import { ERROR_CODES, FluxbaseError } from "../../errors.ts";
import { Validator, type ValidatorOptions, type Verdict } from "./validate.ts";
import { ACCEPTED, OWN_ROLE } from "./validate/testing/accepted.ts";
import { REFUSED } from "./validate/testing/refused.ts";

const PROJECT = { token: "0123456789abcdef0123456789abcdef" };
const OWNER: Actor = { role: "owner", allows: "ddl" };
const SERVICE_RO: Actor = { role: "service_ro", allows: "read" };
const USER_RW: Actor = { role: "user_rw", allows: "write" };

async function judged(
  validator: Validator,
  query: string,
  actor: Actor = OWNER,
): Promise<Verdict | FluxbaseError> {
  try {
    return await validator.check(query, actor, PROJECT);
  } catch (error) {
    assert.ok(error instanceof FluxbaseError, String(error));
    return error;
  }
}

async function refused(
  validator: Validator,
  query: string,
  actor: Actor = OWNER,
): Promise<FluxbaseError> {
  const result = await judged(validator, query, actor);
  assert.ok(result instanceof FluxbaseError, `Let through: ${query.slice(0, 200)}`);
  return result;
}

async function accepted(
  validator: Validator,
  query: string,
  actor: Actor = OWNER,
): Promise<Verdict> {
  const result = await judged(validator, query, actor);
  if (result instanceof FluxbaseError) {
    assert.fail(`Refused: ${query.slice(0, 200)}: ${result.message}`);
  }
  return result;
}

Deno.test("each statement of the table passes with the class that it needs", async () => {
  assert.ok(ACCEPTED.length >= 100);
  await using validator = new Validator();
  for (const [needs, query] of ACCEPTED) {
    assert.equal((await accepted(validator, query)).class, needs, query);
  }
});

Deno.test("each forbidden statement is refused with its reason, also to the owner", async () => {
  assert.ok(REFUSED.length >= 120);
  await using validator = new Validator();
  for (const [query, reason] of REFUSED) {
    const error = await refused(validator, query);
    assert.equal(error.code, "QUERY_FORBIDDEN", query);
    assert.ok(error.message.includes(reason), `${query}: ${error.message}`);
    // Again, from the cache.
    assert.equal((await refused(validator, query)).message, error.message);
  }
});

Deno.test("forbidden parts are found wherever an expression or a table may stand", async () => {
  await using validator = new Validator();
  const expressions = ["pg_sleep(1)", "'1'::regrole", "xmlelement(name a)", "xml('a')"];
  const places = [
    "select $",
    "select 1 from t where a = $",
    "select (select $)",
    "select case when true then $ end",
    "select coalesce(1, $)",
    "select array[$]",
    "select row($, 2)",
    "select f(a => $)",
    "select sum(a) over (partition by $) from t",
    "select sum(a) over w from t window w as (order by $)",
    "select sum(a order by $) from t",
    "select sum(a) filter (where $ is null) from t",
    "select a[$] from t",
    "select ($).x",
    "select $ is distinct from 1",
    "select 1 = any (array[$])",
    "select 1 in (2, $)",
    "select 1 between 0 and $",
    "select a from t group by $",
    "select a from t group by grouping sets ((a), ($))",
    "select a from t having $ is null",
    "select a from t order by $",
    "select a from t limit $",
    "select a from t offset $",
    "select distinct on ($) a from t",
    "select * from f($)",
    "select * from rows from (f(1), f($))",
    "select * from t join u on t.a = $",
    "select * from t, lateral (select $) x",
    "select * from t tablesample system ($)",
    "select * from t tablesample system (1) repeatable ($)",
    "select json_object('a': $)",
    "select json_array($)",
    "select json_array(select $)",
    "select json_arrayagg($ order by 1)",
    "select json_value('{}', '$.a' passing $ as x)",
    "select json_value('{}', 'a' default $ on empty)",
    "select * from json_table($, '$' columns (a int))",
    "select * from json_table('{}', '$' columns (a int default $ on error))",
    "values (1), ($)",
    "select 1 union all select $",
    "with x as (select $) select 1",
    "with recursive x as (select 1 union select $) select 1",
    "insert into t values ($)",
    "insert into t (a) select $",
    "insert into t values (1) on conflict (a) do update set a = $",
    "insert into t values (1) on conflict (a) do update set a = 1 where t.a = $",
    "insert into t values (1) returning $",
    "update t set a = $",
    "update t set (a, b) = (select 1, $)",
    "update t set a[$] = 1",
    "update t set a = 1 from (select $) x",
    "delete from t where a = $",
    "delete from t using (select $) x",
    "merge into t using u on t.a = $ when matched then do nothing",
    "merge into t using u on true when matched and $ is null then delete",
    "merge into t using u on true when not matched then insert values ($)",
    "explain select $",
    "create view v as select $",
    "create materialized view v as select $",
    "create table x as select $",
    "create table x (a int default $)",
    "create table x (a int check (a > $))",
    "create table x (a int generated always as ($) stored)",
    "create table x (a int) partition by range (($))",
    "create table x partition of t for values from ($) to (2)",
    "alter table t add column b int default $",
    "alter table t alter a set default $",
    "alter table t alter a type int using $",
    "alter table t add constraint c check ($ is null)",
    "alter table t add exclude using gist (f($) with &&) where ($ is null)",
    "create index on t (($))",
    "create index on t (a) where $ is null",
    "create statistics s on (f($)), a from t",
    "create domain d as int check (value > $)",
    "alter domain d add check (value > $)",
    "create policy p on t using ($ is null)",
    "create policy p on t with check ($ is null)",
    "alter policy p on t using ($ is null)",
    "create trigger g before update on t for each row when ($ is null) execute function f()",
    "create function f(a int default $) returns int language sql as ''",
    "create function f() returns int return $",
    "create function f() returns int begin atomic select 1; select $; end",
  ];
  for (const place of places) {
    // The place itself is sound.
    const sound = place.replaceAll(/\$(?!\.|')/g, "(1)").replace("'$.a'", "'$.a'");
    await accepted(validator, sound);
    for (const expression of expressions) {
      const query = place.replaceAll(/\$(?!\.|')/g, () => `(${expression})`);
      assert.equal((await refused(validator, query)).code, "QUERY_FORBIDDEN", query);
    }
  }
});

Deno.test("an empty text, a comment or a semicolon alone is a syntax error", async () => {
  await using validator = new Validator();
  for (const query of ["", " \n", ";", ";;", "-- nothing", "/* nothing */;"]) {
    const error = await refused(validator, query);
    assert.equal(error.code, "QUERY_SYNTAX", query);
    assert.equal(error.message, "The text holds no statement");
  }
});

Deno.test("one statement a call: the position is the second's", async () => {
  await using validator = new Validator();
  await accepted(validator, "select 1 ; ");
  await accepted(validator, "select ';' ; -- ; select 2");
  await accepted(validator, ";select 1;;");
  const error = await refused(validator, "select 'é😀'; select 2");
  assert.equal(error.code, "QUERY_FORBIDDEN");
  assert.equal(error.message, "The text holds 2 statements; send one at a time");
  assert.equal(error.fields.position, 14);
});

Deno.test("syntax errors carry SQLSTATE and a position in code points", async () => {
  await using validator = new Validator();
  const cases: [string, number | undefined, RegExp][] = [
    ["selct 1", 1, /syntax error at or near "selct"/],
    ["select 1 frm x y", 14, /at or near "x"/],
    ["select 'é' frm x y", 16, /at or near "x"/],
    ["select '😀' frm x y", 16, /at or near "x"/],
    ["select '世界😀é' as \"ü\", frm x y", 29, /at or near "y"/],
    ["select (1", 10, /at end of input/],
    ["select 'é", 8, /unterminated quoted string/],
    ["select e'\\xff'", undefined, /invalid byte sequence/],
  ];
  for (const [query, position, message] of cases) {
    const error = await refused(validator, query);
    assert.equal(error.code, "QUERY_SYNTAX", query);
    assert.equal(error.fields.sqlstate, "42601");
    assert.match(error.message, message);
    assert.equal(error.fields.position, position, query);
  }
});

Deno.test("refusals point at the offending name, in code points", async () => {
  await using validator = new Validator();
  for (
    const [prefix, rest] of [
      ["select ", "pg_sleep(1)"],
      ["select 'é', ", "pg_sleep(1)"],
      ["select '😀', ", "pg_sleep(1)"],
      ["select '世界', \"ü\", ", "set_config('a', 'b', true)"],
      ["select * from ", "pg_authid"],
      ["select '👩‍👩‍👧', a from t where exists (select 1 from ", "fluxbase.keys)"],
      ["select 10::", "regrole"],
      ["grant select on t to ", "postgres"],
      ["grant select on t to current_user, ", "public"],
      ["with é as (select 1) table ", "pg_shadow"],
    ] as const
  ) {
    const query = prefix + rest;
    const error = await refused(validator, query);
    assert.equal(error.code, "QUERY_FORBIDDEN");
    assert.equal(error.fields.position, [...prefix].length + 1, query);
  }
});

Deno.test("a class above the actor's is refused with the scope that it needs", async () => {
  await using validator = new Validator();
  const actors: [Actor, readonly StatementClass[]][] = [
    [SERVICE_RO, ["read"]],
    [{ role: "service_rw", allows: "write" }, ["read", "write"]],
    [OWNER, ["read", "write", "ddl"]],
  ];
  for (const [needs, query] of ACCEPTED) {
    // All actors in turn on one text: nothing of an actor is kept.
    for (const [actor, allowed] of [...actors, ...actors.toReversed()]) {
      if (allowed.includes(needs)) {
        await accepted(validator, query, actor);
        continue;
      }
      const error = await refused(validator, query, actor);
      assert.equal(error.code, "QUERY_FORBIDDEN");
      assert.equal(
        error.message,
        `The statement is of class "${needs}" and needs the scope "sql:${needs}"`,
      );
    }
  }
});

Deno.test("end users may neither explain nor read catalogs nor ask for sizes", async () => {
  await using validator = new Validator();
  const closed = [
    "explain select 1",
    "explain analyze select * from books",
    "select * from pg_class",
    "select a from t where exists (select 1 from pg_catalog.pg_type)",
    "select pg_relation_size('t')",
    "select pg_total_relation_size('t') from t",
    "select pg_get_functiondef(1)",
  ];
  for (const query of closed) {
    for (const role of ["user_rw", "user_ro"] as const) {
      const error = await refused(validator, query, { role, allows: "read" });
      assert.equal(error.code, "QUERY_FORBIDDEN");
      assert.match(error.message, /closed to end users/);
    }
    await accepted(validator, query, SERVICE_RO);
  }
  await accepted(validator, "select * from information_schema.tables", USER_RW);
  await accepted(validator, "update books set price = 1 returning id", USER_RW);
});

Deno.test("only the project's own roles may be named", async () => {
  await using validator = new Validator();
  const other = `p_${"f".repeat(32)}`;
  const statements = (role: string) => [
    `grant select on t to ${role}`,
    `revoke select on t from ${role}`,
    `revoke select on t from current_user granted by ${role}`,
    `create policy p on t to public, ${role} using (true)`,
    `alter policy p on t to ${role}`,
  ];
  for (const query of statements(OWN_ROLE)) {
    await accepted(validator, query);
    // The same text, known by now, for another project.
    await assert.rejects(
      async () => await validator.check(query, OWNER, { token: "f".repeat(32) }),
      {
        code: "QUERY_FORBIDDEN",
        message: `The role "${OWN_ROLE}" is not one of this project's own`,
      },
    );
  }
  for (
    const role of [
      `${other}_urw`,
      `p_${PROJECT.token}_boss`,
      `p_${PROJECT.token}`,
      "pg_read_all_data",
      `"P_${PROJECT.token}_urw"`,
    ]
  ) {
    for (const query of statements(role)) {
      assert.match((await refused(validator, query)).message, /is not one of this project's own/);
    }
  }
});

Deno.test("what cannot run in a transaction block is marked", async () => {
  await using validator = new Validator();
  const outside = [
    "vacuum",
    "vacuum (analyze) t",
    "create index concurrently on t (a)",
    "drop index concurrently i",
    "reindex (concurrently) table t",
    "reindex index concurrently i",
    "alter table t detach partition p concurrently",
  ];
  for (const query of outside) {
    assert.equal((await accepted(validator, query)).transactional, false, query);
  }
  const inside = [
    "analyze",
    "create index on t (a)",
    "reindex (concurrently off) table t",
    "refresh materialized view concurrently m",
    "alter table t detach partition p",
    "select 1",
  ];
  for (const query of inside) {
    assert.equal((await accepted(validator, query)).transactional, true, query);
  }
});

Deno.test("a verdict names the statement's node and says whether it explains", async () => {
  await using validator = new Validator();
  assert.deepEqual(await accepted(validator, "with a as (delete from t returning *) table a"), {
    class: "write",
    kind: "SelectStmt",
    transactional: true,
    explain: false,
  });
  assert.deepEqual(await accepted(validator, "explain analyze update t set a = 1"), {
    class: "write",
    kind: "ExplainStmt",
    transactional: true,
    explain: true,
  });
});

Deno.test("a known text is answered at once, a new one by a promise", async () => {
  await using validator = new Validator();
  const first = validator.check("select 1", SERVICE_RO, PROJECT);
  assert.ok(first instanceof Promise);
  const verdict = await first;
  assert.deepEqual(validator.check("select 1", SERVICE_RO, PROJECT), verdict);
  await refused(validator, "select pg_sleep(1)");
  assert.throws(() => validator.check("select pg_sleep(1)", SERVICE_RO, PROJECT), {
    code: "QUERY_FORBIDDEN",
  });
});

Deno.test("the caller's forbidden functions count instead of the default ones", async () => {
  const options: ValidatorOptions = { forbiddenFunctions: new Set(["md5", "fluxbase.begin"]) };
  await using validator = new Validator(options);
  for (
    const query of [
      "select md5('a')",
      "select pg_catalog.md5('a')",
      "select fluxbase.begin('a', 1, 'b')",
    ]
  ) assert.match((await refused(validator, query)).message, /may not be called/);
  for (
    const query of [
      "select public.md5('a')",
      "select fluxbase.md5('a')",
      "select fluxbase.claims()",
    ]
  ) await accepted(validator, query);
});

Deno.test("a function of the project's own may bear a builtin's name when it says its schema", async () => {
  await using validator = new Validator();
  await accepted(validator, "select public.version()");
  await refused(validator, "select version()");
});

Deno.test("statements too large to plan are refused with the limit that they break", async () => {
  await using validator = new Validator();
  const list = (count: number, item: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => item(i)).join();
  const cases: [string, RegExp][] = [
    [`select ${list(1665, (i) => `a+${i}`)} from t`, /1664 columns/],
    [`select 1 from ${list(2001, (i) => `t a${i}`)}`, /2000 tables/],
    [`with ${list(2001, (i) => `a${i} as (select 1)`)} select 1`, /2000 tables/],
    [`select ${list(257, () => "*")} from t`, /256 times \*/],
    [`select ${list(257, (i) => `a${i}.*`)} from t`, /256 times \*/],
    [`select 1 from t ${"natural join t ".repeat(101)}`, /NATURAL or USING/],
    [`select 1 from t group by ${list(3000, (i) => `a+${i}`)}`, /sort and group keys/],
    [`select 1 from t order by ${list(3000, (i) => `a+${i}`)}`, /sort and group keys/],
    [`select ${list(1500, (i) => `sum(a) over (order by a+${i})`)} from t`, /sort and group keys/],
    [
      `select * from json_table('1', '$' columns (${list(1665, (i) => `a${i} int`)}))`,
      /column def/,
    ],
    [`create function f(${list(201, (i) => `a${i} int`)}) returns int return 1`, /200 parameters/],
    [`select ${"not ".repeat(2600)}true`, /nests too deep/],
  ];
  for (const [query, message] of cases) {
    const error = await refused(validator, query);
    assert.equal(error.code, "QUERY_FORBIDDEN");
    assert.match(error.message, message);
  }
  // Large and sound.
  await accepted(validator, `select 1 from t where a in (${list(20_000, String)})`);
  await accepted(validator, `insert into t values ${list(10_000, (i) => `($${i + 1}, 'x')`)}`);
  await accepted(validator, `select ${list(1000, (i) => `a${i}`)} from t order by 1, 2, 3, 4, 5`);
  await accepted(validator, `select ${"1 + ".repeat(1000)} 1`);
});

Deno.test("the message of a refusal stays short, however much of the text PostgreSQL quotes", async () => {
  await using validator = new Validator();
  for (
    const query of [
      `select '${"😀".repeat(10_000)}`,
      `create function f() returns int language '${"é".repeat(10_000)}' as ''`,
    ]
  ) {
    const { message } = await refused(validator, query);
    assert.ok(message.length <= 301 && message.isWellFormed(), message);
  }
});

Deno.test("a closed validator says that the server is stopping", async () => {
  const validator = new Validator();
  const waiting = judged(validator, "select 1");
  await validator.close();
  for (const result of [await waiting, await judged(validator, "select 2")]) {
    assert.ok(result instanceof FluxbaseError);
    assert.equal(result.code, "SHUTTING_DOWN");
    assert.equal(ERROR_CODES[result.code].status, 503);
  }
});
