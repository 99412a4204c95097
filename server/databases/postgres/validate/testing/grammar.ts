/**
 * Statements made at random of parts that read and parts that write, the latter hidden at any depth.
 *
 * @module
 */
import fc from "fast-check";

/** What the generated statements work on. */
export const GRAMMAR_TABLES: readonly string[] = [
  "create table t (id int primary key, a int, b text, j jsonb)",
  "create table u (id int primary key, a int, b text, j jsonb)",
  "create sequence s",
  "insert into t select i, i, 'b' || i, '{}' from generate_series(1, 5) i",
  "insert into u select i, i, 'b' || i, '{}' from generate_series(1, 5) i",
];

const { statement } = fc.letrec<Record<"query" | "statement" | "number" | "source", string>>(
  (tie) => {
    const join = (
      parts: readonly (string | fc.Arbitrary<string>)[],
    ): fc.Arbitrary<string> =>
      fc.tuple(...parts.map((part) => typeof part === "string" ? fc.constant(part) : part))
        .map((texts) => texts.join(""));
    const number = tie("number");
    const inner = tie("query");
    const source = tie("source");
    return {
      number: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        { arbitrary: fc.constantFrom("1", "2.5", "length('x')", "(random() < 2)::int"), weight: 6 },
        { arbitrary: join(["(", number, " + ", number, ")"]), weight: 2 },
        { arbitrary: join(["coalesce(", number, ", 0)"]), weight: 1 },
        { arbitrary: join(["(select max(x) from (", inner, ") q)"]), weight: 3 },
        { arbitrary: join(["case when ", number, " > 0 then 1 else ", number, " end"]), weight: 1 },
        { arbitrary: join(["(array[", number, ", 1])[1]"]), weight: 1 },
        {
          arbitrary: join(["(jsonb_build_object('k', ", number, ") ->> 'k')::numeric"]),
          weight: 1,
        },
        { arbitrary: join(["exists(", inner, ")::int"]), weight: 1 },
        { arbitrary: fc.constant("nextval('s')"), weight: 1 },
        { arbitrary: fc.constant("pg_catalog.setval('s'::regclass, 5)"), weight: 1 },
      ),
      source: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        { arbitrary: fc.constantFrom("t", "u", "public.t", "only u"), weight: 5 },
        { arbitrary: fc.constant("generate_series(1, 3) g(id)"), weight: 1 },
        { arbitrary: join(["(select x as id from (", inner, ") i) k"]), weight: 2 },
        { arbitrary: join(["lateral (select ", number, " as id) l"]), weight: 1 },
      ),
      query: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        { arbitrary: join(["select ", number, " as x"]), weight: 4 },
        { arbitrary: join(["select ", number, " as x from ", source]), weight: 4 },
        {
          arbitrary: join(["select 1 as x from t join u using (id) where ", number, " > 0"]),
          weight: 2,
        },
        { arbitrary: join(["(", inner, ") union all (", inner, ")"]), weight: 2 },
        {
          arbitrary: join(["values (", number, ")"]).map((v) => `select * from (${v}) v(x)`),
          weight: 1,
        },
        {
          arbitrary: join(["select x from (", inner, ") z order by ", number, " limit 3"]),
          weight: 1,
        },
        { arbitrary: join(["select sum(x) over () as x from (", inner, ") z"]), weight: 1 },
        { arbitrary: join(["with c as materialized (", inner, ") select x from c"]), weight: 2 },
        {
          arbitrary: fc.constantFrom(
            "select id as x from t for update",
            "select id as x from u for key share",
          ),
          weight: 1,
        },
      ),
      statement: fc.oneof(
        { arbitrary: inner, weight: 14 },
        { arbitrary: join(["explain ", inner]), weight: 2 },
        { arbitrary: join(["explain (analyze) ", inner]), weight: 2 },
        {
          arbitrary: join([
            "with w as (delete from t where a = ",
            number,
            " returning id) select x from (",
            inner,
            ") i",
          ]),
          weight: 1,
        },
        {
          arbitrary: join([
            "with w as (insert into u (id) select 90 returning id as x) select x from w union all (",
            inner,
            ")",
          ]),
          weight: 1,
        },
        {
          arbitrary: join([
            "with w as (update t set a = 1 returning *) select (select count(*) from w) + ",
            number,
          ]),
          weight: 1,
        },
        {
          arbitrary: join(["insert into t (id, a) select 100, x from (", inner, ") i limit 1"]),
          weight: 1,
        },
        { arbitrary: join(["update t set a = ", number]), weight: 1 },
        { arbitrary: join(["delete from u where exists (", inner, ")"]), weight: 1 },
        {
          arbitrary: join([
            "merge into t using (",
            inner,
            ") m on t.id = m.x when matched then delete",
          ]),
          weight: 1,
        },
        { arbitrary: join(["create table n as ", inner]), weight: 1 },
        { arbitrary: join(["create view v as ", inner]), weight: 1 },
        { arbitrary: join(["select x into n from (", inner, ") i"]), weight: 1 },
        { arbitrary: join(["explain analyze update t set a = ", number]), weight: 1 },
      ),
    };
  },
);
/** One statement. */
export const arbitraryStatement: fc.Arbitrary<string> = statement;
