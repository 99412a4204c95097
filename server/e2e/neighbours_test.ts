import assert from "node:assert/strict";
import { createProject, executeSql, rowsOf } from "../testing/rest.ts";
import { startServerProcess, temporaryFolder } from "../testing/server_process.ts";

/** A statement that keeps a backend busy until its time is up. */
const BURN = "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100) b";

Deno.test("two projects on one server do not meet", async (t) => {
  await using folder = await temporaryFolder();
  const dataFolder = folder.path;
  await using server = await startServerProcess({ dataFolder });
  const adminKey = await server.secretFile("admin-key");
  const ours = await createProject(server.url, adminKey, "ours");
  const theirs = await createProject(server.url, adminKey, "theirs");
  await rowsOf(server.url, theirs.key, "CREATE TABLE secret_plans (id int PRIMARY KEY, plan text)");
  await rowsOf(server.url, theirs.key, "INSERT INTO secret_plans VALUES (1, 'rule the world')");

  await t.step("neither can see the other's tables, sizes or sessions", async () => {
    const looks = [
      "SELECT relname FROM pg_class WHERE relname = 'secret_plans'",
      "SELECT table_name FROM information_schema.tables WHERE table_name = 'secret_plans'",
      "SELECT attname FROM pg_attribute WHERE attname = 'plan'",
    ];
    for (const query of looks) assert.deepEqual(await rowsOf(server.url, ours.key, query), []);
    const refused = [
      "SELECT * FROM secret_plans",
      "SELECT datname FROM pg_database",
      "SELECT * FROM pg_stat_activity",
      "SELECT * FROM pg_stat_database",
      "SELECT rolname FROM pg_roles",
      "SELECT pg_database_size('postgres')",
    ];
    for (const query of refused) {
      const answer = await executeSql(server.url, ours.key, query);
      assert.equal(answer.success, false, query);
    }
  });

  await t.step("neither can name the other's objects or roles", async () => {
    const answer = await executeSql(server.url, ours.key, "SELECT * FROM theirs.secret_plans");
    assert.equal(answer.error.code, "QUERY_FORBIDDEN");
    await rowsOf(server.url, ours.key, "CREATE TABLE mine (id int)");
    const listed = await fetch(`${server.url}/api/projects/theirs`, {
      headers: { authorization: `Bearer ${adminKey}` },
    });
    const { project } = await listed.json();
    const grant = `GRANT SELECT ON mine TO ${project.roles.service_ro}`;
    assert.equal((await executeSql(server.url, ours.key, grant)).success, false);
  });

  await t.step("neither can lock, notify or listen across", async () => {
    const tries = [
      "SELECT pg_advisory_lock(1)",
      "SELECT pg_try_advisory_xact_lock(1)",
      "LISTEN everything",
      "NOTIFY everything",
      "SELECT pg_notify('everything', 'x')",
      "LOCK TABLE mine",
      "SELECT pg_terminate_backend(1)",
    ];
    for (const query of tries) {
      const answer = await executeSql(server.url, ours.key, query);
      assert.equal(answer.error?.code, "QUERY_FORBIDDEN", query);
    }
  });

  await t.step("the keys of one open nothing of the other", async () => {
    const keys = await fetch(`${server.url}/api/projects/theirs/keys`, {
      headers: { authorization: `Bearer ${ours.key}` },
    });
    await keys.body?.cancel();
    assert.ok(keys.status === 401 || keys.status === 403);
  });

  await t.step("a flood of one leaves the other its connections", async () => {
    const flood = Array.from({ length: 200 }, () =>
      fetch(`${server.url}/api/execute-sql`, {
        method: "POST",
        headers: { authorization: `Bearer ${ours.key}`, "content-type": "application/json" },
        body: JSON.stringify({ query: BURN, timeoutMs: 4_000 }),
      }).then((response) => response.json()));
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (let turn = 0; turn < 10; turn++) {
      const [row] = await rowsOf(server.url, theirs.key, "SELECT plan FROM secret_plans");
      assert.deepEqual(row, { plan: "rule the world" });
    }
    for (const answer of await Promise.all(flood)) {
      assert.equal(answer.success, false);
      assert.ok(
        ["QUERY_TIMEOUT", "OVERLOADED"].includes(answer.error.code),
        JSON.stringify(answer.error),
      );
    }
  });
});

Deno.test("a thousand slow statements wait, run out of time or are turned away, and nothing breaks", async () => {
  await using folder = await temporaryFolder();
  const dataFolder = folder.path;
  await using server = await startServerProcess({ dataFolder });
  const project = await createProject(server.url, await server.secretFile("admin-key"), "slow");
  const answers = await Promise.all(Array.from({ length: 1_000 }, async () => {
    const response = await fetch(`${server.url}/api/execute-sql`, {
      method: "POST",
      headers: { authorization: `Bearer ${project.key}`, "content-type": "application/json" },
      body: JSON.stringify({ query: BURN, timeoutMs: 2_000 }),
    });
    return { status: response.status, ...await response.json() };
  }));
  const codes = new Set<string>();
  for (const { status, error } of answers) {
    codes.add(error.code);
    if (error.code === "QUERY_TIMEOUT") assert.equal(status, 504);
    else assert.deepEqual([status, error.retryable], [503, true], JSON.stringify(error));
  }
  assert.ok(codes.has("OVERLOADED"), "None was turned away");
  assert.ok(codes.has("QUERY_TIMEOUT"), "None ran");
  const [row] = await rowsOf(server.url, project.key, "SELECT 1 AS one");
  assert.deepEqual(row, { one: 1 });
  const status = await Deno.readTextFile(`/proc/${server.pid}/status`);
  const residentKb = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]);
  assert.ok(residentKb < 1_000_000, `The server's memory peaked at ${residentKb} kB`);
});
