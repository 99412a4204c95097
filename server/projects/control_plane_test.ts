import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import postgres from "postgres";
import { connectPostgres, leftovers, scratchPlane, until } from "../testing/control_plane.ts";
import { LEASE_MS } from "./changes.ts";
import { postgresUrl } from "../testing/postgres.ts";

const id = () => `p-${crypto.randomUUID().slice(0, 8)}`;

async function tokenOf(sql: postgres.Sql, project: string): Promise<string> {
  const [row] = await sql<{ token: string }[]>`
    SELECT token FROM fluxbase_control.projects WHERE id = ${project}`;
  if (row === undefined) throw new Error(`No row of "${project}"`);
  return row.token;
}

Deno.test("a created project is ready, placed, and has opaque role names", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const project = await plane.createProject({ id: "shop", dialect: "postgres" });
  deepEqual([project.id, project.dialect, project.server, project.state], [
    "shop",
    "postgres",
    "default",
    "ready",
  ]);
  for (const role of Object.values(project.roles)) match(role, /^p_[0-9a-f]{32}_[a-z]+$/);
  ok(Math.abs(Date.parse(project.createdAt) - Date.now()) < 60_000);
  deepEqual(await plane.getProject("shop"), project);
  deepEqual(await plane.listProjects(), [project]);
});

Deno.test("a project's id keeps to its rule", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  for (const bad of ["", "a", "A1", "1a", "-a", "a-", "a_b", "ä1", "a".repeat(41), "a\nb", "a b"]) {
    await rejects(plane.createProject({ id: bad, dialect: "postgres" }), { code: "BAD_REQUEST" });
  }
  deepEqual(await plane.listProjects(), []);
});

Deno.test("an id that is taken is refused", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await plane.createProject({ id: "shop", dialect: "postgres" });
  await rejects(plane.createProject({ id: "shop", dialect: "postgres" }), {
    code: "PROJECT_EXISTS",
    message: 'Project "shop" exists already',
  });
});

Deno.test("of many who create one id at once, in two processes, one gets it", async () => {
  await using scratch = await scratchPlane();
  const planes = [await scratch.open(), await scratch.open()];
  const results = await Promise.allSettled(
    Array.from(
      { length: 12 },
      (_, index) => planes[index % 2]?.createProject({ id: "shop", dialect: "postgres" }),
    ),
  );
  equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  for (const result of results) {
    if (result.status === "rejected") equal(result.reason.code, "PROJECT_EXISTS");
  }
});

Deno.test("twenty projects created at once are all made", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const ids = Array.from({ length: 20 }, id);
  const made = await Promise.all(ids.map((id) => plane.createProject({ id, dialect: "postgres" })));
  deepEqual(made.map(({ state }) => state), ids.map(() => "ready"));
});

Deno.test("a dialect without a server is refused", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await rejects(plane.createProject({ id: "shop", dialect: "mysql" }), {
    code: "DIALECT_UNAVAILABLE",
  });
  await rejects(plane.getProject("shop"), { code: "PROJECT_NOT_FOUND" });
});

Deno.test("a deleted project leaves nothing, and its id is free again (invariants 2 and 7)", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await plane.createProject({ id: "shop", dialect: "postgres" });
  const token = await tokenOf(scratch.sql, "shop");
  equal((await leftovers(scratch.sql, token)).length, 7);
  await plane.deleteProject("shop");
  equal((await plane.getProject("shop")).state, "deleting");
  await rejects(plane.createProject({ id: "shop", dialect: "postgres" }), {
    code: "PROJECT_UNAVAILABLE",
    message: 'Project "shop" is still being removed',
  });
  const held = await until(
    () => plane.getProject("shop").then(() => false, (error) => error.code === "PROJECT_NOT_FOUND"),
    15_000,
  );
  ok(held > LEASE_MS, `${held} ms`);
  deepEqual(await leftovers(scratch.sql, token), []);
  const again = await plane.createProject({ id: "shop", dialect: "postgres" });
  equal(again.state, "ready");
  ok(await tokenOf(scratch.sql, "shop") !== token);
});

Deno.test("deleting what is being deleted is no error, deleting what is not there is one", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await plane.createProject({ id: "shop", dialect: "postgres" });
  await plane.deleteProject("shop");
  await plane.deleteProject("shop");
  await rejects(plane.deleteProject("shap"), { code: "PROJECT_NOT_FOUND" });
});

Deno.test("a project deleted while it is being made ends as nothing (invariant 4)", async () => {
  await using scratch = await scratchPlane();
  let token = "";
  const plane = await scratch.open();
  const creating = plane.createProject({ id: "shop", dialect: "postgres" });
  const outcome = creating.then(() => "made", (error) => error.code);
  await until(
    async () => (await scratch.sql`SELECT FROM fluxbase_control.projects`).length > 0,
    5_000,
  );
  token = await tokenOf(scratch.sql, "shop");
  await plane.deleteProject("shop");
  equal(await outcome, "PROJECT_UNAVAILABLE");
  await plane.settle(15_000);
  deepEqual(await leftovers(scratch.sql, token), []);
});

Deno.test("a project is not finished twice when its worker is only slow (invariant 3)", async () => {
  await using scratch = await scratchPlane();
  const slow = await scratch.open();
  const other = await scratch.open();
  const creating = slow.createProject({ id: "shop", dialect: "postgres" });
  await until(
    async () => (await scratch.sql`SELECT FROM fluxbase_control.projects`).length > 0,
    5_000,
  );
  await other.settle(15_000);
  equal((await creating).state, "ready");
  const [row] = await scratch.sql`SELECT attempt FROM fluxbase_control.projects`;
  equal(row?.["attempt"], 0);
});

Deno.test("a worker that lost its lock decides nothing any more (invariant 4)", async () => {
  await using scratch = await scratchPlane();
  const late = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const loser = await scratch.open({
    connectServer: (dialect, url, options) => {
      const server = connectPostgres(dialect, url, options);
      server.create = async () => {
        await late.promise;
        throw new Error("Too late");
      };
      return server;
    },
  });
  const creating = loser.createProject({ id: "shop", dialect: "postgres" });
  const outcome = creating.then(() => "made", (error) => error.code);
  await until(
    async () => (await scratch.sql`SELECT FROM fluxbase_control.projects`).length > 0,
    5_000,
  );
  const winner = await scratch.open({
    connectServer: (dialect, url, options) => {
      const server = connectPostgres(dialect, url, options);
      const create = server.create.bind(server);
      server.create = async (placement) => {
        taken.resolve();
        await finish.promise;
        await create(placement);
      };
      return server;
    },
  });
  // As when the loser's connection breaks: its advisory lock goes with it.
  await scratch.sql`
    SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND a.application_name = 'fluxbase worker'
      AND a.datname = current_database()`;
  await taken.promise;
  equal(await outcome, "DATABASE_UNAVAILABLE");
  late.resolve();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { state } = await winner.getProject("shop");
  finish.resolve();
  equal(state, "creating");
  await winner.settle(15_000);
  equal((await winner.getProject("shop")).state, "ready");
});

Deno.test("a creation that fails tells why and leaves nothing (invariant 8)", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open({
    onStep: (step) => {
      if (step === "database made") throw new Error("The disk burns");
    },
  });
  await rejects(plane.createProject({ id: "shop", dialect: "postgres" }), /The disk burns/);
  await plane.settle(15_000);
  await rejects(plane.getProject("shop"), { code: "PROJECT_NOT_FOUND" });
});

Deno.test("settings are patched, kept, and put back by null", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await plane.createProject({ id: "shop", dialect: "postgres" });
  const patched = await plane.updateSettings("shop", {
    maxRows: 5,
    corsOrigins: ["https://a.example"],
  });
  equal(patched.settings.maxRows, 5);
  deepEqual((await plane.getProject("shop")).settings.corsOrigins, ["https://a.example"]);
  await rejects(plane.updateSettings("shop", { maxRows: 0 }), { code: "SETTING_INVALID" });
  equal((await plane.getProject("shop")).settings.maxRows, 5);
  equal((await plane.updateSettings("shop", { maxRows: null })).settings.maxRows, 10_000);
  await rejects(plane.updateSettings("none", {}), { code: "PROJECT_NOT_FOUND" });
});

Deno.test("two patches at once in two processes lose nothing", async () => {
  await using scratch = await scratchPlane();
  const [one, two] = [await scratch.open(), await scratch.open()];
  await one.createProject({ id: "shop", dialect: "postgres" });
  await Promise.all([
    one.updateSettings("shop", { maxRows: 5 }),
    two.updateSettings("shop", { maxBytes: 5_000 }),
  ]);
  const { settings } = await one.getProject("shop");
  deepEqual([settings.maxRows, settings.maxBytes], [5, 5_000]);
});

Deno.test("the audit keeps acts with their time and cannot be changed", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await plane.audit({
    actor: "admin",
    action: "key.revoke",
    project: "shop",
    subject: "abc",
    requestId: "r1",
  });
  await plane.audit({ actor: "admin", action: "server.add" });
  const rows = await scratch.sql`
    SELECT actor, action, project, subject, request_id, at > now() - interval '1 minute' AS fresh
    FROM fluxbase_control.audit ORDER BY id`;
  deepEqual([...rows], [
    {
      actor: "admin",
      action: "key.revoke",
      project: "shop",
      subject: "abc",
      request_id: "r1",
      fresh: true,
    },
    {
      actor: "admin",
      action: "server.add",
      project: null,
      subject: null,
      request_id: null,
      fresh: true,
    },
  ]);
  for (const change of ["UPDATE %s SET actor = 'x'", "DELETE FROM %s", "TRUNCATE %s"]) {
    await rejects(
      scratch.sql.unsafe(change.replace("%s", "fluxbase_control.audit")),
      /The audit is append-only/,
    );
  }
});

Deno.test("a ping fails with a retryable error once the control database is away", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await plane.ping();
  const [{ name } = { name: "" }] = await scratch.sql`SELECT current_database() AS name`;
  const admin = postgres(postgresUrl(), { max: 1, onnotice: () => {} });
  await admin.unsafe(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  try {
    await admin`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = ${name} AND application_name LIKE 'fluxbase%'`;
    // The first may still meet the closed connection, later ones the refusal.
    for (let round = 0; round < 3; round++) {
      await rejects(plane.ping(), { code: "DATABASE_UNAVAILABLE", retryable: true });
    }
  } finally {
    await admin.unsafe(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await admin.end();
  }
  await until(() => plane.ping().then(() => true, () => false), 5_000);
});
