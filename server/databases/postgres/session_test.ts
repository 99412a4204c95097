import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import { actor, AMPLE, type TestDatabase, testDatabase } from "../../testing/postgres_database.ts";

/** One session serves everything, so that what one request leaves the next one would find. */
const ONE = { connections: 1 } as const;

async function backend(db: TestDatabase, role: "owner" | "service_rw" = "owner"): Promise<unknown> {
  const [row] = await db.admin`
    SELECT array_agg(pid ORDER BY pid)::text AS pids FROM pg_stat_activity
    WHERE usename = ${db.project.logins[role]}`;
  return row?.pids;
}

function collectGarbage(): void {
  v8.setFlagsFromString("--expose-gc");
  vm.runInNewContext("gc")();
}

async function value(db: TestDatabase, query: string): Promise<unknown> {
  return (await db.run("owner", query)).rows[0]?.[0];
}

Deno.test("a request's SET of any parameter is gone for the next one, on the same session", async () => {
  await using db = await testDatabase(ONE);
  const parameters = [
    ["search_path", "pg_catalog"],
    ["statement_timeout", "5s"],
    ["lock_timeout", "3s"],
    ["work_mem", "7MB"],
    ["default_transaction_read_only", "on"],
    ["default_transaction_isolation", "serializable"],
    ["application_name", "mallory"],
    ["TimeZone", "Asia/Tokyo"],
    ["DateStyle", "German"],
    ["IntervalStyle", "postgres"],
    ["bytea_output", "escape"],
    ["extra_float_digits", "0"],
    ["standard_conforming_strings", "off"],
    ["client_encoding", "SJIS"],
    ["log_parameter_max_length_on_error", "-1"],
    ["client_min_messages", "error"],
  ] as const;
  const pid = await value(db, "SELECT 1").then(() => backend(db));
  for (const [name, text] of parameters) {
    const before = await value(db, `SHOW ${name}`);
    await db.run("owner", `SET ${name} = '${text}'`);
    assert.equal(await value(db, `SHOW ${name}`), before, name);
  }
  assert.equal(await backend(db), pid, "All of it happened on one session");
});

Deno.test("a custom parameter of one request is empty in the next", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "SET tenant.claims = 'forged'");
  const result = await db.run("owner", "SHOW tenant.claims").catch((error) =>
    error.fields.sqlstate
  );
  // 42704: not known at all, as in a new session.
  assert.ok(result === "42704" || result.rows[0][0] === "", JSON.stringify(result));
});

Deno.test("cursors, channels, sequences and temporary tables do not outlive their request", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "CREATE SEQUENCE numbers");
  await db.run("owner", "DECLARE held CURSOR WITH HOLD FOR SELECT 'secret'");
  await assert.rejects(db.run("owner", "FETCH ALL FROM held"), { fields: { sqlstate: "34000" } });
  await db.run("owner", "SELECT nextval('numbers')");
  await assert.rejects(db.run("owner", "SELECT currval('numbers')"), /not yet defined/);
  await assert.rejects(db.run("owner", "SELECT lastval()"));
  await db.run("owner", "LISTEN channel");
  await assert.rejects(db.run("owner", "CREATE TEMP TABLE shadow (id int)"), {
    code: "QUERY_FORBIDDEN",
  });
});

Deno.test("LISTEN is undone: a later notification never reaches the session", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "LISTEN channel");
  await db.run("owner", "NOTIFY channel, 'hello'");
  const result = await db.run("owner", "SELECT 1 AS one");
  assert.deepEqual(result.rows, [[1]]);
});

Deno.test("session locks and random seeds, which no reset clears, are refused to every role", async () => {
  await using db = await testDatabase();
  for (const role of ["owner", "service_rw", "service_ro", "user_rw", "user_ro"] as const) {
    await assert.rejects(db.run(role, "SELECT pg_advisory_lock(1)"), { code: "QUERY_FORBIDDEN" });
    await assert.rejects(db.run(role, "SELECT setseed(0.5)"), { code: "QUERY_FORBIDDEN" });
  }
});

Deno.test("a transaction left open costs the session, and its work is undone", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "CREATE TABLE t (id int)");
  const pid = await backend(db);
  await db.run("owner", "BEGIN");
  assert.equal(await value(db, "SELECT count(*) FROM t"), "0");
  assert.notEqual(await backend(db), pid);
});

Deno.test("a named statement of a request's own does not take the place of ours", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "PREPARE mine AS SELECT 'theirs'");
  for (let i = 0; i < 4; i++) assert.equal(await value(db, "SELECT 'ours'"), "ours");
});

Deno.test("DEALLOCATE ALL under a prepared text is healed without an error", async () => {
  await using db = await testDatabase(ONE);
  const query = "SELECT $1::int4 + 1";
  for (let i = 0; i < 3; i++) await db.run("owner", query, [i]);
  await db.run("owner", "DEALLOCATE ALL");
  assert.deepEqual((await db.run("owner", query, [41])).rows, [[42]]);
});

Deno.test("one client after another is served by one session", async () => {
  await using db = await testDatabase({ connections: 8 });
  for (let i = 0; i < 100; i++) await db.run("service_rw", `SELECT ${i}`);
  assert.equal(db.budget.open, 1);
});

Deno.test("a session with very many prepared texts is replaced", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "SELECT 0");
  const pid = await backend(db);
  for (let i = 0; i < 201; i++) {
    await db.run("owner", `SELECT ${i}`);
    await db.run("owner", `SELECT ${i}`);
  }
  await db.run("owner", "SELECT 1");
  assert.notEqual(await backend(db), pid);
});

Deno.test("statements that fail leave nothing in memory", async () => {
  await using db = await testDatabase(ONE);
  const filler = "x".repeat(100_000);
  const fail = async (round: number) => {
    for (let i = 0; i < 150; i++) {
      // Parsed, so that it is one flat string as a request brings it.
      const query = JSON.parse(JSON.stringify(`SELECT ${round}.${i} FROM nowhere /*${filler}*/`));
      await assert.rejects(db.run("owner", query), { code: "QUERY_UNDEFINED" });
    }
    collectGarbage();
    return Deno.memoryUsage().heapUsed;
  };
  const before = await fail(1);
  const after = await fail(2);
  // 15 MB of text were sent meanwhile.
  assert.ok(after - before < 3e6, `The heap grew by ${after - before} bytes`);
});

Deno.test("COPY ends in an error and a new session, not in a request that hangs", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "CREATE TABLE t (id int)");
  await assert.rejects(db.run("owner", "COPY t FROM STDIN"), { code: "QUERY_FORBIDDEN" });
  await assert.rejects(db.run("owner", "COPY t TO STDOUT"), { code: "QUERY_FORBIDDEN" });
  assert.equal(await value(db, "SELECT count(*) FROM t"), "0");
});

Deno.test("one call carries one statement", async () => {
  await using db = await testDatabase();
  await assert.rejects(db.run("owner", "SELECT 1; SELECT 2"), { code: "QUERY_SYNTAX" });
});

Deno.test("sessions speak with the pinned parameters whatever the role was set to", async () => {
  await using db = await testDatabase(ONE);
  await db.run("owner", "SELECT 1");
  const { owner } = db.project.logins;
  await db.admin.unsafe(`ALTER ROLE ${owner} SET TimeZone = 'Asia/Tokyo'`);
  await db.admin.unsafe(`ALTER ROLE ${owner} SET client_encoding = 'SJIS'`);
  await db.admin.unsafe(`ALTER ROLE ${owner} SET search_path = pg_catalog`);
  await db.admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${owner}`;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await value(db, "SHOW TimeZone"), "UTC");
  assert.equal(await value(db, "SHOW client_encoding"), "UTF8");
  assert.equal(await value(db, "SHOW search_path"), "public, extensions");
  assert.equal(await value(db, "SELECT 'ä'"), "ä");
  const timed = await db.database.execute(actor("owner"), { query: "SELECT 1" }, AMPLE);
  assert.deepEqual(timed.rows, [[1]]);
});
