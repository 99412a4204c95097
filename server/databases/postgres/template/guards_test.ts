import assert from "node:assert/strict";
import { testProject } from "../../../testing/postgres_project.ts";

const DENIED = { code: "42501" };

Deno.test("every way to make a table leaves it under row security", async () => {
  await using project = await testProject();
  const owner = project.as("owner");
  await owner.unsafe(`
    create table plain (a int);
    create table copied as select 1 as a;
    select 1 as a into selected;
    create table parent (a int) partition by range (a);
    create table part partition of parent for values from (0) to (10);
    create table child () inherits (plain);
    create unlogged table unlogged_one (a int);
    create function make() returns void language plpgsql as
      'begin create table made (a int); execute ''create table made_too (a int)''; end';
    select make();
    create table "Quoted ""name" (a int);
  `).simple();
  const rows = await owner`
    select relname from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relrowsecurity`;
  assert.deepEqual([...rows], []);
});

Deno.test("nobody sees a new table without row security, not even while it is being made", async () => {
  await using project = await testProject();
  const owner = project.as("owner");
  await owner.begin(async (sql) => {
    await sql`create table t as select 1 as a`;
    const [row] = await sql`select relrowsecurity from pg_class where relname = 't'`;
    assert.deepEqual(row, { relrowsecurity: true });
  });
  assert.deepEqual([...await project.as("user_rw")`select * from t`], []);
});

Deno.test("the owner may switch row security off where the project's setting says so", async () => {
  await using project = await testProject();
  const owner = project.as("owner");
  await owner`create table t (a int)`;
  await assert.rejects(owner`alter table t disable row level security`, DENIED);
  await project.server.setGuards(project.placement, { allowUnprotectedTables: true });
  await owner`alter table t disable row level security`;
  await project.server.setGuards(project.placement, { allowUnprotectedTables: false });
  await assert.rejects(owner`alter table t add column b int`, DENIED);
  await owner`alter table t enable row level security`;
  await owner`alter table t add column b int`;
});

Deno.test("a project holds no more relations than its quota", async () => {
  await using project = await testProject();
  await project.server.setGuards(project.placement, { maxRelations: 10 });
  const owner = project.as("owner");
  await owner`create table parts (a int) partition by list (a)`;
  for (let i = 0; i < 9; i++) {
    await owner.unsafe(`create table part_${i} partition of parts for values in (${i})`);
  }
  await assert.rejects(owner`create table more (a int)`, { code: "54000" });
  await assert.rejects(owner`create index on part_0 (a)`, { code: "54000" });
  await assert.rejects(owner`create sequence more`, { code: "54000" });
  await assert.rejects(owner`create view more as select 1`, { code: "54000" });
  await assert.rejects(owner`alter table part_0 add primary key (a)`, { code: "54000" });
  await owner`drop table part_8`;
  await owner`create sequence more`;
});

Deno.test("an index over plain columns may be built beside writes", async () => {
  await using project = await testProject();
  const owner = project.as("owner");
  await owner`create table t (a int, "B c" text, "concurrently" int)`;
  await owner`create index concurrently on t (a)`;
  await owner`create unique index concurrently if not exists i1 on public.t (a, "B c")`;
  await owner`
    CREATE INDEX CONCURRENTLY "my index" ON ONLY t
      USING btree (a DESC NULLS LAST, "B c" text_pattern_ops) INCLUDE ("concurrently");`;
  await owner`create index concurrently_no on t ((a + 1)) where "concurrently" > 1`;
  const rows = await owner`select indisvalid from pg_index where indrelid = 't'::regclass`;
  assert.deepEqual(rows.map((row) => row.indisvalid), [true, true, true, true]);
});

Deno.test("an index refused while it is built beside writes leaves nothing behind", async () => {
  // It commits on its way: refused at its end only, it would stay, and maintenance would run it.
  await using project = await testProject();
  const owner = project.as("owner");
  await owner`create table t (a int)`;
  await owner`create function f(int) returns int immutable language sql as 'select $1'`;
  for (const word of ["concurrently", "CONCURRENTLY", "/**/ConCurrently/**/"]) {
    await assert.rejects(owner.unsafe(`create index ${word} on t (f(a))`), DENIED);
    await assert.rejects(owner.unsafe(`create index ${word} on t (a) where f(a) > 1`), DENIED);
    await assert.rejects(owner.unsafe(`create index ${word} on t (a, (a + f(a)))`), DENIED);
    await assert.rejects(owner.unsafe(`create index ${word} "x""y" on t (f(a))`), DENIED);
  }
  await project.server.setGuards(project.placement, { maxRelations: 1 });
  await assert.rejects(owner`create index concurrently on t (a)`, { code: "54000" });
  assert.deepEqual([...await owner`select * from pg_index where indrelid = 't'::regclass`], []);
});

Deno.test("enums, plain domains and functions of extensions may be part of an index", async () => {
  await using project = await testProject();
  await project.server.installExtension(project.placement, "pg_trgm");
  const owner = project.as("owner");
  await owner`create type mood as enum ('sad', 'happy')`;
  await owner`create domain plain as int`;
  await owner`create domain positive as int check (value > 0)`;
  await owner`create table t (m mood, p plain, q positive, name text)`;
  await owner`create index on t (p) where m = 'happy'`;
  await owner`create index on t ((p::int + 1))`;
  await owner`create index on t ((q + 1))`;
  await owner`create index on t using gin (name gin_trgm_ops)`;
  await owner`create index on t (similarity(name, 'a'))`;
});

Deno.test("the platform passes the guards", async () => {
  await using project = await testProject();
  const admin = project.as("admin");
  await admin`create table public.t (a int)`;
  await admin`create rule r as on insert to public.t do also nothing`;
  await admin`create function public.f() returns int security definer return 1`;
  await admin`create extension hstore schema extensions`;
});

Deno.test("an owner's own objects of the names that the guards use change nothing", async () => {
  await using project = await testProject();
  const owner = project.as("owner");
  await owner.unsafe("set search_path = public, pg_catalog").simple();
  await owner`create table t (a int)`;
  // Shadows of what the guards call, first on the caller's path.
  await owner.unsafe(`
    create function public.pg_has_role(name, oid, text) returns boolean return true;
    create function public.index_escapes_guards() returns boolean return false;
    create function public.starts_with(text, text) returns boolean return true;
    create table public.pg_namespace (nspname name, nspowner oid);
  `).simple();
  await assert.rejects(owner`create rule r as on insert to t do also nothing`, DENIED);
  await assert.rejects(owner`create function f() returns int security definer return 1`, DENIED);
});
