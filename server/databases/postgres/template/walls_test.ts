import assert from "node:assert/strict";
import type { Sql } from "postgres";
import { connectAs, type TestProject, testProject } from "../../../testing/postgres_project.ts";
import { ROLE_NAMES, type RoleName } from "../../database.ts";
import { connectAdmin, errorCode } from "../admin.ts";
import { BLUEPRINT } from "./steps.ts";
import { dropTemplate, majorVersion, templateName } from "./template.ts";

/**
 * What a stranger with one of the project's own logins might try, sent as it is over the simple
 * protocol, several statements at a time: nothing but the database stands in the way. Each is
 * stopped with one of the codes, or goes through and yields only what `sees` says.
 *
 * `OTHER` stands for the neighbour's database and the prefix of its logins, `OWN` for one's own.
 */
interface Attack {
  readonly name: string;
  /** What the owner, who is free to, has done before. */
  readonly given?: string;
  readonly as: RoleName;
  readonly sql: string;
  readonly stopped?: string;
  /** Sent outside of a transaction; else in one that is rolled back, lest one attack mars the next. */
  readonly bare?: boolean;
  /** The last statement's rows, each as its values. */
  readonly sees?: readonly (readonly unknown[])[];
}

const DENIED = "42501";
const ALICE = [["alice"]];

const attack = (name: string, as: RoleName, sql: string, stopped = DENIED): Attack => ({
  name,
  as,
  sql,
  stopped,
});

const bare = (attack: Attack): Attack => ({ ...attack, bare: true });

/** Stopped by what the template revokes in the system catalog, by schema and by database. */
const CATALOG_ATTACKS: readonly Attack[] = [
  attack("set_config forges a setting", "user_ro", "select set_config('a.b', 'x', false)"),
  attack(
    "set_config in a materialised CTE",
    "user_rw",
    "with c as materialized (select set_config('a.b', 'x', true)) select * from c",
  ),
  attack(
    "UPDATE pg_settings changes a setting by its rule",
    "user_rw",
    "update pg_settings set setting = '0' where name = 'statement_timeout'",
  ),
  attack("pg_settings shows the server's settings", "user_ro", "select * from pg_settings"),
  attack(
    "current_setting reads a setting",
    "user_ro",
    "select current_setting('statement_timeout')",
  ),
  attack("query_to_xml runs text", "user_ro", "select query_to_xml('select 1', true, true, '')"),
  attack("table_to_xml", "user_ro", "select table_to_xml('notes', true, true, '')"),
  attack("schema_to_xml", "user_ro", "select schema_to_xml('public', true, true, '')"),
  attack("database_to_xml", "user_ro", "select database_to_xml(true, true, '')"),
  attack("cursor_to_xml", "user_ro", "select cursor_to_xml('c', 1, true, true, '')"),
  attack("ts_stat runs text", "user_ro", "select * from ts_stat('select null::tsvector')"),
  attack("ts_rewrite runs text", "user_ro", "select ts_rewrite('a'::tsquery, 'select 1')"),
  attack("DO runs a block", "user_rw", "do $$ begin perform 1; end $$"),
  attack("DO as a service", "service_rw", "do $$ begin perform 1; end $$"),
  attack("a function of its own", "service_rw", "create function f() returns int return 1"),
  attack(
    "a plpgsql function of its own",
    "user_rw",
    "create function f() returns int language plpgsql as 'begin return 1; end'",
  ),
  attack("a table of its own", "service_rw", "create table x (a int)"),
  attack("a temporary table", "user_rw", "create temporary table notes (a int)"),
  attack("a temporary view", "user_rw", "create temporary view notes as select 1"),
  attack("SELECT INTO a temporary table", "owner", "select 1 as a into temporary x"),
  attack("a temporary table as owner", "owner", "create temporary table x (a int)"),
  attack("a function in pg_temp", "owner", "create function pg_temp.f() returns int return 1"),
  attack("pg_sleep", "user_ro", "select pg_sleep(0)"),
  attack("pg_sleep_for", "user_ro", "select pg_sleep_for('0')"),
  attack("an advisory lock", "user_rw", "select pg_advisory_lock(1)"),
  attack("a shared advisory lock", "service_rw", "select pg_try_advisory_lock_shared(1)"),
  attack("an advisory lock as owner", "owner", "select pg_advisory_xact_lock(7158, 1)"),
  attack("ending another backend", "service_rw", "select pg_terminate_backend(1)"),
  attack("cancelling another backend", "owner", "select pg_cancel_backend(1)"),
  attack("NOTIFY by function", "user_rw", "select pg_notify('a', 'b')"),
  attack("listening channels", "user_ro", "select pg_listening_channels()"),
  attack("a large object", "user_rw", "select lo_create(0)"),
  attack("a large object from bytes", "service_rw", "select lo_from_bytea(0, '\\x00')"),
  attack("opening a large object", "owner", "select lo_open(1, 262144)"),
  attack("importing a file", "owner", "select lo_import('/etc/passwd')"),
  attack("exporting a file", "owner", "select lo_export(1, '/tmp/x')"),
  attack("exporting a snapshot", "user_ro", "select pg_export_snapshot()"),
  attack("a logical message", "service_rw", "select pg_logical_emit_message(true, 'a', 'b')"),
  attack("a replication slot", "owner", "select pg_create_physical_replication_slot('x')"),
  attack(
    "a logical slot",
    "owner",
    "select pg_create_logical_replication_slot('x', 'pgoutput')",
  ),
  attack("listing slots", "user_ro", "select * from pg_replication_slots"),
  attack("reading a file", "owner", "select pg_read_file('postgresql.conf')"),
  attack("reading a binary file", "service_rw", "select pg_read_binary_file('pg_hba.conf')"),
  attack("listing a folder", "owner", "select pg_ls_dir('.')"),
  attack("COPY to a file", "owner", "copy notes to '/tmp/x'"),
  attack("COPY from a file", "owner", "copy notes from '/etc/passwd'"),
  attack("COPY to a program", "owner", "copy notes to program 'id'"),
  attack("COPY from a program", "service_rw", "copy notes from program 'id'"),
  attack("the roles of all tenants", "user_ro", "select rolname from pg_roles"),
  attack("the accounts of all tenants", "user_ro", "select * from pg_user"),
  attack("password hashes", "owner", "select * from pg_authid"),
  attack("memberships", "service_ro", "select * from pg_auth_members"),
  attack("the databases of all tenants", "user_ro", "select datname from pg_database"),
  attack("role settings of all tenants", "service_ro", "select * from pg_db_role_setting"),
  attack("who is active", "user_ro", "select * from pg_stat_activity"),
  attack("activity by function", "user_ro", "select * from pg_stat_get_activity(null)"),
  attack("databases' statistics", "user_ro", "select * from pg_stat_database"),
  attack("row counts in statistics", "user_ro", "select * from pg_stat_user_tables"),
  attack("row counts by function", "user_ro", "select pg_stat_get_live_tuples(1259)"),
  attack("values in statistics", "user_ro", "select * from pg_stats"),
  attack("values in statistics as owner", "owner", "select * from pg_statistic"),
  attack("locks of all tenants", "user_ro", "select * from pg_locks"),
  attack("locks by function", "user_ro", "select * from pg_lock_status()"),
  attack("prepared transactions", "service_ro", "select * from pg_prepared_xacts"),
  attack("cursors", "user_ro", "select * from pg_cursors"),
  attack("shared dependencies", "service_ro", "select * from pg_shdepend"),
  attack("shared comments", "service_ro", "select * from pg_shdescription"),
  attack("tablespaces", "user_ro", "select * from pg_tablespace"),
  attack("the whole server's size", "user_ro", "select pg_tablespace_size('pg_default')"),
  attack("another database's size", "user_ro", "select pg_database_size('OTHER')"),
  attack(
    "another database's rights",
    "user_ro",
    "select has_database_privilege('OTHER','connect')",
  ),
  attack("an object of another database", "user_ro", "select pg_describe_object(1262, 1, 0)"),
  attack(
    "an address by name",
    "user_ro",
    "select pg_get_object_address('role', '{OTHER_owner}', '{}')",
  ),
  attack("a role by name", "user_ro", "select to_regrole('OTHER_owner')"),
  attack("the write-ahead log's position", "user_ro", "select pg_current_wal_lsn()"),
  attack("the control file", "user_ro", "select * from pg_control_checkpoint()"),
  attack("when the server started", "user_ro", "select pg_postmaster_start_time()"),
  attack("the server's build", "user_ro", "select version()"),
  attack("the server's address", "user_ro", "select inet_server_addr()"),
  attack("another session's query", "user_ro", "select current_query()"),
  attack("a seed for the next one's random()", "user_rw", "select setseed(0.5)"),
  attack("the last sequence value", "user_rw", "select lastval()"),
  attack("available extensions", "user_ro", "select * from pg_available_extensions"),
  attack("xpath, which nothing interrupts", "user_ro", "select xpath('/a', '<a/>')"),
  attack("planting statistics", "owner", "select pg_import_system_collations('public')"),
  attack("the platform's migrations", "owner", "select * from fluxbase.migrations"),
  attack(
    "the platform's settings",
    "owner",
    "update fluxbase.settings set allow_unprotected_tables = true",
  ),
  attack("the platform's tables", "owner", "drop table fluxbase.migrations"),
  attack("the schema public", "owner", "drop schema public cascade"),
  attack("renaming the schema public", "owner", "alter schema public rename to other"),
  attack("the schema fluxbase", "owner", "create function fluxbase.f() returns int return 1"),
  attack("the schema extensions", "owner", "create table extensions.x (a int)"),
  attack("the catalog's functions", "owner", "create function pg_catalog.f() returns int return 1"),
  attack("giving a right back", "owner", "grant select on pg_settings to OWN_uro"),
  attack("another database's settings", "owner", "alter database \"OWN\" set work_mem = '1GB'"),
];

/** Stopped by what the logins are. */
const ROLE_ATTACKS: readonly Attack[] = [
  attack("becoming the superuser", "owner", "set role postgres"),
  attack("becoming the owner", "user_ro", "set role OWN_owner"),
  attack("becoming the service", "user_rw", "set role OWN_srw"),
  attack("becoming a neighbour", "owner", "set role OTHER_owner"),
  attack("another session's login", "owner", "set session authorization OTHER_owner"),
  attack("a role", "owner", "create role x"),
  attack("superuser rights", "owner", "alter role OWN_owner superuser"),
  attack("above row security", "user_rw", "alter role OWN_urw bypassrls"),
  attack("more connections", "service_rw", "alter role OWN_srw connection limit 1000"),
  attack("another role's password", "owner", "alter role OWN_srw password 'x'"),
  attack("membership", "owner", "grant OWN_owner to OWN_uro"),
  attack("a neighbour's membership", "owner", "grant OTHER_owner to OWN_owner"),
  attack("membership in a predefined role", "owner", "grant pg_read_all_data to OWN_uro"),
  attack("lifting the temporary files' limit", "user_rw", "set temp_file_limit = -1"),
  attack(
    "lifting it for good",
    "user_rw",
    "alter role OWN_urw set temp_file_limit = -1",
  ),
  attack("resetting it for good", "user_rw", "alter role OWN_urw reset temp_file_limit"),
  attack("replica mode", "owner", "set session_replication_role = replica"),
  attack("a module", "owner", "load 'auto_explain'"),
  bare(attack("a setting of the server", "owner", "alter system set work_mem = '1GB'")),
  bare(attack("a database", "owner", "create database x")),
  bare(attack("a tablespace", "owner", "create tablespace x location '/tmp'")),
  attack("a schema", "owner", "create schema x"),
  attack("a C function", "owner", "create function f() returns int language c as 'a', 'b'"),
  attack(
    "an internal function",
    "owner",
    "create function f(text) returns text language internal as 'pg_read_file_all'",
  ),
  attack("a checkpoint", "owner", "checkpoint"),
  attack("writing as a reader", "service_ro", "insert into notes values (9, 'x', 'x')", "25006"),
  attack("writing as a reading end user", "user_ro", "delete from notes", "25006"),
  bare(attack(
    "writing as a reader made a writer",
    "service_ro",
    "begin read write; delete from notes; commit",
  )),
  bare(attack(
    "writing as a reading end user made a writer",
    "user_ro",
    "set default_transaction_read_only = off; commit; begin; delete from notes; commit",
  )),
  attack("writing through a function as a reader", "service_ro", "select add_note()", "25006"),
  attack("truncating as a service", "service_rw", "truncate notes"),
  attack("truncating as an end user", "user_rw", "truncate notes"),
  attack("setting a sequence back", "service_rw", "select setval('numbers', 1)"),
  attack("maintenance as a service", "service_rw", "analyze (skip_locked) missing", "42P01"),
  attack("changing a table as a service", "service_rw", "alter table notes add c int"),
  attack("dropping a table as an end user", "user_rw", "drop table notes"),
  attack("a policy as an end user", "user_rw", "create policy p on notes using (true)"),
  attack(
    "a trigger as a service",
    "service_rw",
    "create trigger t before insert on notes execute function trigger_note()",
  ),
  attack("reading as the loader", "loader", "select * from notes"),
  attack("deleting as the loader", "loader", "delete from notes"),
  attack("changing as the loader", "loader", "update notes set body = ''"),
  attack("returning as the loader", "loader", "insert into notes values (8, 'x', 'x') returning *"),
  attack("reading by COPY as the loader", "loader", "copy notes to stdout"),
  attack(
    "row security switched off by setting",
    "user_ro",
    "set row_security = off; select owner from notes",
  ),
  attack("a hidden row", "user_rw", "insert into notes values (7, 'bob', 'x')"),
  attack("a row made another's", "user_rw", "update notes set owner = 'bob'"),
];

/** Stopped by row security: they run, and show what the policy says. */
const ROW_ATTACKS: readonly Attack[] = [
  { name: "reading all rows", as: "user_ro", sql: "select owner from notes", sees: ALICE },
  { name: "a table without a policy", as: "user_rw", sql: "select * from closed", sees: [] },
  {
    name: "changing hidden rows",
    as: "user_rw",
    sql: "update notes set body = '' where owner = 'bob' returning id",
    sees: [],
  },
  {
    name: "deleting hidden rows",
    as: "user_rw",
    sql: "delete from notes where owner = 'bob' returning id",
    sees: [],
  },
  {
    name: "a cheap leaky function in the condition",
    given: "create function leak(text) returns boolean language plpgsql cost 0.0000001 as " +
      "'begin if $1 = ''bob'' then raise division_by_zero; end if; return true; end'",
    as: "user_ro",
    sql: "select owner from notes where leak(owner)",
    sees: ALICE,
  },
  {
    name: "a view over the table",
    given: "create view through as select owner from notes",
    as: "user_ro",
    sql: "select owner from through",
    sees: ALICE,
  },
  {
    name: "a recursive view",
    given: "create recursive view through (owner) as select owner from notes",
    as: "user_ro",
    sql: "select owner from through",
    sees: ALICE,
  },
  {
    name: "a view whose option was reset",
    given: "create view through as select owner from notes; " +
      "alter view through reset (security_invoker)",
    as: "user_ro",
    sql: "select owner from through",
    sees: ALICE,
  },
  {
    name: "a view whose option was reset as a table's",
    given: "create view through as select owner from notes; " +
      "alter table through reset (security_invoker)",
    as: "user_ro",
    sql: "select owner from through",
    sees: ALICE,
  },
  {
    name: "a replaced view",
    given: "create view through as select owner from notes where id = 1; " +
      "create or replace view through as select owner from notes",
    as: "user_ro",
    sql: "select owner from through",
    sees: ALICE,
  },
  {
    name: "a materialised view",
    given: "create materialized view kept as select owner from notes",
    as: "user_ro",
    sql: "select owner from kept",
    stopped: DENIED,
  },
  {
    name: "a copy of the table",
    given: "create table copied as select owner from notes",
    as: "user_ro",
    sql: "select owner from copied",
    sees: [],
  },
  {
    name: "a copy by SELECT INTO",
    given: "select owner into copied from notes",
    as: "user_ro",
    sql: "select owner from copied",
    sees: [],
  },
  {
    name: "a copy made inside a function",
    given: "create function copy() returns void language plpgsql as " +
      "'begin execute ''create table copied as select owner from notes''; end'; select copy()",
    as: "user_ro",
    sql: "select owner from copied",
    sees: [],
  },
  {
    name: "a partition named directly",
    given: "create table parts (id int, owner text) partition by list (id); " +
      "create table part_one partition of parts for values in (1); " +
      "create policy p on parts using (owner = 'alice'); " +
      "insert into parts values (1, 'alice'), (1, 'bob')",
    as: "user_ro",
    sql: "select owner from part_one",
    sees: [],
  },
  {
    name: "an attached partition named directly",
    given: "create table parts (id int, owner text) partition by list (id); " +
      "create table part_one (id int, owner text); " +
      "alter table parts attach partition part_one for values in (1); " +
      "insert into parts values (1, 'bob')",
    as: "user_ro",
    sql: "select owner from part_one",
    sees: [],
  },
  {
    name: "a child by inheritance",
    given: "create table child () inherits (notes); insert into child values (5, 'bob', 'x')",
    as: "user_ro",
    sql: "select owner from child",
    sees: [],
  },
  {
    name: "a table like another",
    given: "create table alike (like notes including all); insert into alike select * from notes",
    as: "user_ro",
    sql: "select owner from alike",
    sees: [],
  },
  {
    name: "a plain table in a transaction that others see at once",
    given: "begin; create table late (owner text); insert into late values ('bob'); commit",
    as: "user_ro",
    sql: "select owner from late",
    sees: [],
  },
];

/** Stopped by the guards: what the owner, who may make tables, must not do with them. */
const GUARD_ATTACKS: readonly Attack[] = [
  attack("row security switched off", "owner", "alter table notes disable row level security"),
  attack(
    "row security switched off inside a function",
    "owner",
    "create function f() returns void language plpgsql as " +
      "'begin execute ''alter table notes disable row level security''; end'; select f()",
  ),
  attack(
    "row security switched off with something harmless",
    "owner",
    "alter table notes add column c int, disable row level security",
  ),
  attack(
    "a view with its owner's rights",
    "owner",
    "create view v with (security_invoker = off) as select * from notes",
  ),
  attack(
    "a view given its owner's rights",
    "owner",
    "create view v as select * from notes; alter view v set (security_invoker = 0)",
  ),
  attack(
    "a materialised view opened to end users",
    "owner",
    "create materialized view kept as select owner from notes; grant select on kept to OWN_uro",
  ),
  attack(
    "a materialised view opened to all",
    "owner",
    "create materialized view kept as select owner from notes; grant select on kept to public",
  ),
  attack(
    "a column of a materialised view opened to end users",
    "owner",
    "create materialized view kept as select owner from notes; " +
      "grant select (owner) on kept to OWN_urw",
  ),
  attack(
    "a function with its owner's rights",
    "owner",
    "create function f() returns int security definer return 1",
  ),
  attack(
    "a function given its owner's rights",
    "owner",
    "create function f() returns int return 1; alter function f() security definer",
  ),
  attack(
    "a routine given its owner's rights",
    "owner",
    "create procedure p() language sql as ''; alter routine p() security definer",
  ),
  attack(
    "a procedure with its owner's rights",
    "owner",
    "create procedure p() language sql security definer as ''",
  ),
  attack("a function in an index", "owner", "create index on notes (twice(id))"),
  attack(
    "a function in an index's condition",
    "owner",
    "create index on notes (id) where twice(id) > 1",
  ),
  attack("a unique index by function", "owner", "create unique index on notes (twice(id))"),
  bare(attack(
    "an index built while others write",
    "owner",
    "create index concurrently on notes (twice(id))",
  )),
  attack(
    "a function in an exclusion constraint",
    "owner",
    "alter table notes add exclude using btree (twice(id) with =)",
  ),
  attack(
    "a function in a new table's exclusion constraint",
    "owner",
    "create table x (a int, exclude using btree (twice(a) with =))",
  ),
  attack(
    "a function in statistics",
    "owner",
    "create statistics s on (twice(id)) from notes",
  ),
  attack(
    "a domain's check in an index",
    "owner",
    "create domain checked as int check (twice(value) > 0); " +
      "create index on notes ((id::checked))",
  ),
  attack(
    "a check added to a domain in an index",
    "owner",
    "create domain checked as int; create index on notes ((id::checked)); " +
      "alter domain checked add check (twice(value) > 0)",
  ),
  attack(
    "a domain over a domain in an index",
    "owner",
    "create domain inner_one as int check (twice(value) > 0); " +
      "create domain outer_one as inner_one; create index on notes ((id::outer_one))",
  ),
  attack(
    "a domain in an array in an index",
    "owner",
    "create domain checked as int check (twice(value) > 0); " +
      "create index on notes ((array[id]::checked[]))",
  ),
  attack(
    "a domain in a row in statistics",
    "owner",
    "create domain checked as int check (twice(value) > 0); " +
      "create type pair as (a checked); create statistics s on (row(id)::pair), id from notes",
  ),
  attack(
    "a range type that measures by a function",
    "owner",
    "create function apart(int, int) returns float8 immutable return 1; " +
      "create type spans as range (subtype = int, subtype_diff = apart)",
  ),
  attack(
    "an operator",
    "owner",
    "create operator === (leftarg = int, rightarg = int, function = int4eq)",
  ),
  attack(
    "an operator class",
    "owner",
    "create operator class c for type int using btree as storage int",
  ),
  attack("an operator family", "owner", "create operator family f using btree"),
  attack("a cast", "owner", "create type pair as (a int); create cast (pair as text) with inout"),
  attack("a rule", "owner", "create rule r as on insert to notes do also select 1"),
  attack(
    "a rule in place of a table",
    "owner",
    "create rule r as on delete to notes do instead nothing",
  ),
  attack("an extension", "owner", "create extension hstore"),
  attack("a language", "owner", "create language plperl"),
  attack("a foreign data wrapper", "owner", "create foreign data wrapper w"),
  attack("a foreign server", "owner", "create server s foreign data wrapper w"),
  attack("a foreign table", "owner", "create foreign table f (a int) server s"),
  attack("a publication", "owner", "create publication p for table notes"),
  bare(attack("a subscription", "owner", "create subscription s connection '' publication p")),
  attack("an event trigger", "owner", "create event trigger e on sql_drop execute function f()"),
  attack("a platform's event trigger", "owner", "alter event trigger fluxbase_code disable"),
  attack(
    "a conversion",
    "owner",
    "create conversion c for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1",
  ),
  attack("a text search parser", "owner", "create text search parser p (start = a)"),
  attack(
    "a transform",
    "owner",
    "create transform for int language sql (from sql with function f(internal))",
  ),
  attack(
    "an access method",
    "owner",
    "create access method m type table handler heap_tableam_handler",
  ),
  attack("a security label", "owner", "security label on table notes is 'x'"),
  attack("giving everything away at once", "service_rw", "drop owned by current_user"),
  attack("the owner's everything", "owner", "drop owned by OWN_owner cascade"),
  attack("a right to a neighbour", "owner", "grant select on notes to OTHER_owner"),
  attack("a column's right to a neighbour", "owner", "grant select (id) on notes to OTHER_uro"),
  attack(
    "a function's right to a neighbour",
    "owner",
    "grant execute on function twice(int) to OTHER_owner",
  ),
  attack(
    "a sequence's right to a neighbour",
    "owner",
    "grant usage on sequence numbers to OTHER_srw",
  ),
  attack(
    "a type's right to a neighbour",
    "owner",
    "create type e as enum ('a'); grant usage on type e to OTHER_owner",
  ),
  attack("rights to the superuser", "owner", "grant all on notes to postgres"),
  attack("rights to a predefined role", "owner", "grant all on notes to pg_monitor"),
  attack(
    "a right passed on to a neighbour",
    "service_rw",
    "grant select on shared to OTHER_owner",
  ),
  attack(
    "rights on all to a neighbour",
    "owner",
    "grant select on all tables in schema public to OTHER_owner",
  ),
  attack(
    "default rights to a neighbour",
    "owner",
    "alter default privileges grant select on tables to OTHER_owner",
  ),
  attack(
    "a policy for a neighbour",
    "owner",
    "create policy p on notes to OTHER_owner using (true)",
  ),
  attack("a policy given to a neighbour", "owner", "alter policy own on notes to OTHER_owner"),
  attack(
    "quotes in every name to confuse the guard",
    "owner",
    "set quote_all_identifiers = on; grant select on notes to OTHER_owner",
  ),
  attack(
    "an operator of its own on the search path",
    "owner",
    "set search_path = public, pg_catalog; grant select on notes to OTHER_owner",
  ),
];

const ALL_ATTACKS = [...CATALOG_ATTACKS, ...ROLE_ATTACKS, ...ROW_ATTACKS, ...GUARD_ATTACKS];

const SETUP = `
  create table notes (id int, owner text, body text);
  insert into notes values (1, 'alice', 'a'), (2, 'bob', 'b');
  create policy own on notes using (owner = 'alice');
  create table closed (id int);
  insert into closed values (1);
  create table shared (id int);
  grant select on shared to OWN_srw with grant option;
  create sequence numbers;
  create function twice(int) returns int immutable language sql as 'select $1 * 2';
  create function add_note() returns void language sql as 'insert into notes values (3, ''x'', ''x'')';
  create function trigger_note() returns trigger language plpgsql as 'begin return new; end';
`;

interface Scene extends AsyncDisposable {
  readonly own: TestProject;
  fill(sql: string): string;
}

/** A project with tables and a neighbour, on whom the attacks are tried. */
async function scene(blueprint = BLUEPRINT): Promise<Scene> {
  const own = await testProject({ blueprint });
  const other = await testProject();
  const fill = (sql: string) =>
    sql.replaceAll("OWN", own.database).replaceAll("OTHER", other.database);
  await own.as("owner").unsafe(fill(SETUP)).simple();
  return {
    own,
    fill,
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  };
}

type Outcome = { readonly code: string } | { readonly rows: readonly (readonly unknown[])[] };

/** Sends the attack and answers what came of it; what the owner did for it is undone. */
async function outcomeOf(attack: Attack, { own, fill }: Scene): Promise<Outcome> {
  if (attack.given !== undefined) await own.as("owner").unsafe(fill(attack.given)).simple();
  try {
    const sql = attack.bare ?? false ? attack.sql : `begin; ${attack.sql}`;
    return { rows: await lastRows(own.as(attack.as), fill(sql)) };
  } catch (error) {
    return { code: errorCode(error) ?? String(error) };
  } finally {
    await own.as(attack.as).unsafe("rollback; reset all").simple();
    if (attack.given !== undefined) await tidy(own.as("admin"));
  }
}

async function lastRows(sql: Sql, text: string): Promise<unknown[][]> {
  const results: unknown = await sql.unsafe(text).simple();
  assert.ok(Array.isArray(results));
  const last: unknown = Array.isArray(results.at(-1)) ? results.at(-1) : results;
  return Array.isArray(last) ? last.map((row: object) => Object.values(row)) : [];
}

/** Removes what the owner made beyond the scene. */
async function tidy(admin: Sql): Promise<void> {
  await admin.unsafe(`
    drop view if exists public.through;
    drop materialized view if exists public.kept;
    drop table if exists public.copied, public.parts, public.part_one, public.child, public.alike,
      public.late;
    drop function if exists public.leak, public.copy;
  `).simple();
}

const holds = (attack: Attack, outcome: Outcome): boolean =>
  "code" in outcome
    ? outcome.code === attack.stopped
    : attack.sees !== undefined && JSON.stringify(outcome.rows) === JSON.stringify(attack.sees);

/** The attacks that were not held off, each with what came of it. */
async function breaches(attacks: readonly Attack[], on: Scene): Promise<Map<string, Outcome>> {
  const through = new Map<string, Outcome>();
  for (const attack of attacks) {
    const outcome = await outcomeOf(attack, on);
    if (!holds(attack, outcome)) through.set(attack.name, outcome);
  }
  return through;
}

/** The scene of a project whose database was made without one of the template's steps. */
async function sceneWithout(step: string): Promise<Scene> {
  const blueprint = { ...BLUEPRINT, steps: BLUEPRINT.steps.filter(({ name }) => name !== step) };
  const on = await scene(blueprint);
  return {
    ...on,
    async [Symbol.asyncDispose]() {
      await on[Symbol.asyncDispose]();
      const admin = connectAdmin(on.own.address);
      await dropTemplate(admin, await templateName(blueprint, await majorVersion(admin)));
      await admin.end();
    },
  };
}

Deno.test("the database alone holds off every attack", async () => {
  assert.ok(ALL_ATTACKS.length >= 80);
  assert.equal(new Set(ALL_ATTACKS.map(({ name }) => name)).size, ALL_ATTACKS.length);
  await using on = await scene();
  assert.deepEqual(await breaches(ALL_ATTACKS, on), new Map());
});

Deno.test("without the guards the owner's attacks get through, so the guards are what stops them", async () => {
  await using on = await sceneWithout("guards");
  const through = await breaches([...GUARD_ATTACKS, ...ROW_ATTACKS], on);
  const held = [...GUARD_ATTACKS, ...ROW_ATTACKS].filter(({ name }) => !through.has(name));
  // PostgreSQL itself keeps these to superusers or to what a server must have.
  assert.deepEqual(held.map(({ name }) => name), [
    "an operator class",
    "an operator family",
    "an extension",
    "a language",
    "a foreign data wrapper",
    "a publication",
    "a subscription",
    "an event trigger",
    "a text search parser",
    "a transform",
    "an access method",
  ]);
});

Deno.test("without the catalog's revokes the attacks on it get through", async () => {
  await using on = await sceneWithout("catalog");
  const through = await breaches(CATALOG_ATTACKS, on);
  const held = CATALOG_ATTACKS.filter(({ name }) => !through.has(name));
  // Held by the rights on databases and schemas, and by what PostgreSQL keeps to superusers.
  assert.deepEqual(held.map(({ name }) => name), [
    "a function of its own",
    "a plpgsql function of its own",
    "a table of its own",
    "a temporary table",
    "a temporary view",
    "SELECT INTO a temporary table",
    "a temporary table as owner",
    "a function in pg_temp",
    "importing a file",
    "exporting a file",
    "a replication slot",
    "a logical slot",
    "reading a file",
    "reading a binary file",
    "listing a folder",
    "COPY to a file",
    "COPY from a file",
    "COPY to a program",
    "COPY from a program",
    "password hashes",
    "values in statistics as owner",
    "another database's size",
    "planting statistics",
    "the platform's migrations",
    "the platform's settings",
    "the platform's tables",
    "the schema public",
    "renaming the schema public",
    "the schema fluxbase",
    "the schema extensions",
    "the catalog's functions",
    "another database's settings",
  ]);
});

Deno.test("no login of a project can enter another database of the server", async () => {
  await using own = await testProject({ hardenCluster: false });
  await using other = await testProject();
  await own.server.prepare();
  const admin = connectAdmin(own.address);
  const template = await templateName(BLUEPRINT, await majorVersion(admin));
  const [{ name: home } = { name: "" }] = await admin<{ name: string }[]>`
    SELECT pg_catalog.current_database() AS name`;
  await admin.end();
  for (const database of [other.database, template, home]) {
    for (const role of ROLE_NAMES) {
      const sql = connectAs(own.address, own.placement, role, database);
      const code = await sql`select 1`.then(() => "entered", errorCode);
      await sql.end();
      assert.ok(code === "42501" || code === "55000", `${role} in ${database}: ${code}`);
    }
  }
});

Deno.test("what no privilege covers is known, and the parser's to refuse", async () => {
  await using on = await scene();
  const open: readonly (readonly [RoleName, string])[] = [
    ["user_ro", "set work_mem = '1GB'"],
    ["user_ro", "set statement_timeout = 0"],
    ["user_ro", "show all"],
    ["user_ro", "listen a"],
    ["user_rw", "notify a"],
    ["user_ro", "prepare p as select 1; deallocate p"],
    ["user_ro", "declare c cursor with hold for select 1; close c"],
    ["user_ro", "lock table notes in access share mode"],
    ["user_ro", "select 10::oid::regrole"],
    ["user_ro", "explain select * from notes"],
    ["user_ro", "copy notes to stdout"],
    ["owner", "alter table notes replica identity nothing"],
    ["user_rw", "alter role current_user set work_mem = '1GB'"],
    ["user_rw", "alter role current_user password 'x'"],
  ];
  for (const [role, sql] of open) {
    await on.own.as(role).unsafe(`begin; ${sql}`).simple().catch((error: unknown) => {
      assert.fail(`${role}: ${sql}: ${error}`);
    });
    await on.own.as(role).unsafe("rollback; reset all").simple();
  }
});
