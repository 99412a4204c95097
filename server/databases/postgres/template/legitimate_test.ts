import assert from "node:assert/strict";
import { testProject } from "../../../testing/postgres_project.ts";
import type { RoleName } from "../../database.ts";

/** What the walls must let through, each by the login that needs it, in this order. */
const LEGITIMATE: readonly (readonly [RoleName, string])[] = [
  ["owner", "create type mood as enum ('sad', 'ok', 'happy')"],
  ["owner", "alter type mood add value 'calm' after 'ok'"],
  ["owner", "create domain email as text check (value like '%@%')"],
  ["owner", "create type address as (street text, city text)"],
  ["owner", "create type spans as range (subtype = float8, subtype_diff = float8mi)"],
  ["owner", "create sequence ticket_numbers start 100"],
  [
    "owner",
    "create table people (id bigint generated always as identity primary key, name text not null, " +
    "mail email unique, mood mood default 'ok', home address, tags text[] default '{}', " +
    "data jsonb, born date, seen timestamptz default now(), key uuid default gen_random_uuid(), " +
    "initial text generated always as (left(name, 1)) stored)",
  ],
  [
    "owner",
    "create table tickets (id bigint primary key default nextval('ticket_numbers'), " +
    "person bigint references people on delete cascade, title text, price numeric(10, 2), " +
    "check (price >= 0))",
  ],
  [
    "owner",
    "create table events (at timestamptz not null, kind text, body jsonb) partition by range (at)",
  ],
  [
    "owner",
    "create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01')",
  ],
  ["owner", "create table events_old partition of events default"],
  ["owner", "create table serials (id serial, big bigserial)"],
  ["owner", "create unlogged table scratch (a int)"],
  ["owner", "create table backup as select * from people"],
  ["owner", "create table tree (id int primary key, parent int references tree)"],
  ["owner", "create index on people (name)"],
  ["owner", "create index people_lower on people (lower(name)) where mood = 'happy'"],
  ["owner", "create index on people using gin (data jsonb_path_ops)"],
  ["owner", "create index on people using gin (to_tsvector('english', name))"],
  ["owner", "create index on people ((data ->> 'a'), name desc nulls last) include (born)"],
  ["owner", "create index on events (at)"],
  ["owner", "create unique index on people (mail, name)"],
  ["owner", "alter index people_lower rename to people_by_lower_name"],
  ["owner", "create statistics people_stats (dependencies) on name, mood from people"],
  ["owner", "create statistics lower_stats on lower(name) from people"],
  [
    "owner",
    "alter table people add column age int, add constraint adult check (age is null or age > 0)",
  ],
  ["owner", "alter table people alter column age type bigint"],
  ["owner", "alter table people rename column age to years"],
  ["owner", "alter table people force row level security"],
  ["owner", "alter table people no force row level security"],
  ["owner", "alter table people enable row level security"],
  ["owner", "alter table events detach partition events_old"],
  ["owner", "alter table events attach partition events_old default"],
  ["owner", "create view happy as select id, name from people where mood = 'happy'"],
  [
    "owner",
    "create or replace view happy as select id, name, born from people where mood = 'happy'",
  ],
  ["owner", "create view invoked with (security_invoker) as select 1 as a"],
  ["owner", "create materialized view counts as select mood, count(*) from people group by mood"],
  ["owner", "refresh materialized view counts"],
  ["owner", "create function twice(i int) returns int immutable language sql as 'select i * 2'"],
  ["owner", "create function halve(i int) returns int return i / 2"],
  [
    "owner",
    "create function stamp() returns trigger language plpgsql as " +
    "'begin new.seen := now(); return new; end'",
  ],
  ["owner", "create procedure clean() language plpgsql as 'begin delete from scratch; end'"],
  ["owner", "create aggregate total(int) (sfunc = int4pl, stype = int, initcond = '0')"],
  ["owner", "create trigger stamped before update on people for each row execute function stamp()"],
  [
    "owner",
    "create trigger searched before insert on backup for each row execute function " +
    "suppress_redundant_updates_trigger()",
  ],
  ["owner", "drop trigger searched on backup"],
  ["owner", "create policy own on people using (name = 'ann') with check (name = 'ann')"],
  ["owner", "create policy readers on tickets for select to OWN_uro, OWN_urw using (price < 10)"],
  ["owner", "alter policy readers on tickets using (price < 100)"],
  ["owner", "revoke select on tickets from OWN_uro"],
  ["owner", "grant select (id, title, price) on tickets to OWN_uro"],
  ["owner", "revoke all on scratch from OWN_urw, OWN_uro"],
  ["owner", "grant truncate on scratch to OWN_srw"],
  ["owner", "grant select on counts to OWN_sro"],
  ["owner", "alter default privileges in schema public revoke delete on tables from OWN_urw"],
  ["owner", "comment on table people is 'Who they are'"],
  ["owner", "create collation plain (locale = 'C')"],
  ["owner", "create text search configuration words (copy = english)"],
  ["owner", "insert into people (name, mail, home) values ('ann', 'a@b', row('s', 'c'))"],
  ["owner", "analyze people"],
  ["owner", "vacuum people"],
  ["owner", "truncate scratch"],
  ["owner", "copy people to stdout"],
  [
    "service_rw",
    "insert into people (name, mail, tags) values ('bob', 'b@c', '{x}') returning id, key",
  ],
  [
    "service_rw",
    "insert into people (name, mail) values ('bob', 'b@c') " +
    "on conflict (mail) do update set name = excluded.name returning id",
  ],
  ["service_rw", "insert into tickets (person, title, price) select id, 'one', 5 from people"],
  ["service_rw", "insert into serials default values"],
  ["service_rw", "insert into events values (now(), 'a', '{}')"],
  ["service_rw", "update people set data = '{\"a\": 1}' where name = 'bob'"],
  [
    "service_rw",
    "with gone as (delete from tickets where price > 100 returning *) select count(*) from gone",
  ],
  [
    "service_rw",
    "merge into backup b using people p on b.id = p.id when not matched then insert (id, name, key) " +
    "overriding system value values (p.id, p.name, p.key)",
  ],
  ["service_rw", "select nextval('ticket_numbers'), currval('ticket_numbers')"],
  ["service_rw", "call clean()"],
  ["service_rw", "select * from people for update"],
  ["service_rw", "truncate scratch"],
  ["service_ro", "select * from people p join tickets t on t.person = p.id"],
  ["service_ro", "select mood, rank() over (partition by mood order by id) from people"],
  ["service_ro", "select twice(2), halve(4), total(id::int) from people"],
  [
    "service_ro",
    "with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select * from r",
  ],
  [
    "service_ro",
    "select * from people where to_tsvector('english', name) @@ plainto_tsquery('ann')",
  ],
  ["service_ro", "select jsonb_agg(p), array_agg(name), string_agg(name, ',') from people p"],
  ["service_ro", "select * from jsonb_to_recordset('[{\"a\": 1}]') as x(a int)"],
  ["service_ro", "select * from generate_series(1, 3) g, unnest(array[1, 2]) u"],
  ["service_ro", "select percentile_cont(0.5) within group (order by id) from people"],
  ["service_ro", "select now(), clock_timestamp(), random(), gen_random_uuid(), age(now())"],
  ["service_ro", "select * from people tablesample bernoulli (50)"],
  ["service_ro", "select * from counts"],
  ["service_ro", "select pg_total_relation_size('people'), pg_typeof(1), format('%s', 1)"],
  [
    "service_ro",
    "select regexp_replace('a', 'a', 'b'), to_char(now(), 'YYYY'), md5('a'), sha256('a')",
  ],
  ["service_ro", "select * from information_schema.columns"],
  ["service_ro", "select * from information_schema.tables"],
  ["service_ro", "select * from information_schema.table_constraints"],
  ["service_ro", "select * from pg_tables"],
  ["service_ro", "select * from pg_views"],
  ["service_ro", "select * from pg_indexes"],
  ["service_ro", "select * from pg_policies"],
  ["service_ro", "select attname, format_type(atttypid, atttypmod) from pg_attribute limit 5"],
  [
    "service_ro",
    "select obj_description('people'::regclass), col_description('people'::regclass, 1)",
  ],
  [
    "service_ro",
    "select pg_get_indexdef(indexrelid), pg_get_expr(indexprs, indrelid) from pg_index",
  ],
  [
    "service_ro",
    "select has_table_privilege('people', 'select'), current_user, current_database()",
  ],
  ["user_rw", "insert into people (name, mail) values ('ann', 'c@d') returning name"],
  ["user_rw", "update people set tags = '{y}' where mail = 'c@d'"],
  ["user_rw", "delete from people where mail = 'c@d'"],
  ["user_rw", "select name from happy"],
  ["user_ro", "select id, title from tickets"],
  ["user_ro", "select count(*) from people"],
  ["loader", "insert into people (name, mail) values ('carl', 'd@e'), ('dora', 'e@f')"],
  ["loader", "insert into serials default values"],
  ["loader", "insert into tickets (title, price) values ('two', 1)"],
  ["owner", "drop view happy, invoked"],
  ["owner", "drop materialized view counts"],
  ["owner", "drop table tickets, people, backup, events cascade"],
  ["owner", "drop function twice, halve"],
  ["owner", "drop domain email"],
  ["owner", "drop type mood, address, spans"],
];

Deno.test("every login can do its work through the walls", async () => {
  assert.ok(LEGITIMATE.length >= 60);
  await using project = await testProject();
  const refused: string[] = [];
  for (const [role, text] of LEGITIMATE) {
    const sql = text.replaceAll("OWN", project.database);
    await project.as(role).unsafe(sql).simple().catch((error: unknown) => {
      refused.push(`${role}: ${text}: ${error}`);
    });
  }
  assert.deepEqual(refused, []);
});
