import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { OpenProject } from "./types.ts";
import type { OpenedControlPlane } from "./control_plane.ts";
import {
  connectPostgres,
  leftovers,
  type ScratchPlane,
  scratchPlane,
  until,
} from "../testing/control_plane.ts";
import type { ConnectServer } from "./servers.ts";
import { slowWire } from "../testing/slow_wire.ts";

const OWNER = { role: "owner", allows: "ddl" } as const;
const LIMITS = { timeoutMs: 10_000, maxRows: 100, maxBytes: 100_000 };

const run = async (opened: OpenProject | Promise<OpenProject>, query: string) =>
  (await (await opened).database.execute(OWNER, { query }, LIMITS)).rows;

/** The error's code, `answers` when the project does. */
const answer = async (plane: OpenedControlPlane, id: string): Promise<string> => {
  try {
    await run(plane.open(id), "SELECT 1");
    return "answers";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

/** The project "shop", ready, and two processes. */
async function shop(scratch: ScratchPlane) {
  const [one, two] = [await scratch.open(), await scratch.open()];
  await one.createProject({ id: "shop", dialect: "postgres" });
  return { one, two };
}

const backends = async ({ sql }: ScratchPlane, token: string): Promise<number> =>
  (await sql`SELECT FROM pg_stat_activity WHERE usename LIKE ${`%${token}%`}`).length;

const tokenOf = async ({ sql }: ScratchPlane): Promise<string> => {
  const [row] = await sql<{ token: string }[]>`SELECT token FROM fluxbase_control.projects`;
  return row?.token ?? "";
};

Deno.test("an opened project runs statements, and is found again without a promise", async () => {
  await using scratch = await scratchPlane();
  const { one } = await shop(scratch);
  const first = one.open("shop");
  ok(first instanceof Promise);
  deepEqual(await run(first, "SELECT 1 AS one"), [[1]]);
  const again = one.open("shop");
  equal(again instanceof Promise, false);
  equal((again as OpenProject).database, (await first).database);
  equal((again as OpenProject).project.id, "shop");
});

Deno.test("a project that is not there does not open", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await rejects(async () => await plane.open("none"), { code: "PROJECT_NOT_FOUND" });
});

Deno.test("a project is brought up to date once a process, before its first request", async () => {
  await using scratch = await scratchPlane();
  let migrations = 0;
  let openedBefore = false;
  const plane = await scratch.open({
    connectServer: (dialect, url, options) => {
      const server = connectPostgres(dialect, url, options);
      const [migrate, open] = [server.migrate.bind(server), server.open.bind(server)];
      server.migrate = async (placement) => {
        migrations++;
        await migrate(placement);
        await new Promise((resolve) => setTimeout(resolve, 50));
        migrations += 100;
      };
      server.open = (placement) => {
        openedBefore ||= migrations < 100;
        return open(placement);
      };
      return server;
    },
  });
  await plane.createProject({ id: "shop", dialect: "postgres" });
  migrations = 0;
  const opened = await Promise.all(Array.from({ length: 20 }, () => plane.open("shop")));
  equal(new Set(opened.map(({ database }) => database)).size, 1);
  equal(migrations, 101);
  equal(openedBefore, false);
  await plane.updateSettings("shop", { maxRows: 5 });
  await plane.open("shop");
  equal(migrations, 101);
});

Deno.test("a project whose upgrade fails does not answer, and is tried again", async () => {
  await using scratch = await scratchPlane();
  let broken = true;
  const plane = await scratch.open({
    connectServer: (dialect, url, options) => {
      const server = connectPostgres(dialect, url, options);
      const migrate = server.migrate.bind(server);
      server.migrate = (placement) =>
        broken ? Promise.reject(new Error("Upgrade is broken")) : migrate(placement);
      return server;
    },
  });
  await plane.createProject({ id: "shop", dialect: "postgres" });
  await rejects(async () => await plane.open("shop"), /Upgrade is broken/);
  broken = false;
  equal(await answer(plane, "shop"), "answers");
});

Deno.test("a half-made project never answers (invariant 1)", async () => {
  await using scratch = await scratchPlane();
  const { one, two } = await shop(scratch);
  await scratch.sql`
    INSERT INTO fluxbase_control.projects (id, token, dialect, server, state)
    VALUES ('half', ${"0".repeat(32)}, 'postgres', 'default', 'creating')`;
  for (const plane of [one, two]) equal(await answer(plane, "half"), "PROJECT_UNAVAILABLE");
});

Deno.test("a project answers nothing at any moment of its making but ready (invariant 1)", async () => {
  await using scratch = await scratchPlane();
  const [one, two] = [await scratch.open(), await scratch.open()];
  const seen = new Set<string>();
  let made = false;
  const creating = one.createProject({ id: "shop", dialect: "postgres" }).then(() => made = true);
  while (!made) {
    const said = await answer(two, "shop");
    if (!made) seen.add(said);
  }
  await creating;
  seen.delete("answers"); // It is ready a moment before its maker is told.
  for (const code of seen) ok(["PROJECT_NOT_FOUND", "PROJECT_UNAVAILABLE"].includes(code), code);
});

Deno.test("a deleted project answers nothing at once here, within a second elsewhere (invariant 1)", async () => {
  await using scratch = await scratchPlane();
  const { one, two } = await shop(scratch);
  for (const plane of [one, two]) equal(await answer(plane, "shop"), "answers");
  const token = await tokenOf(scratch);
  await one.deleteProject("shop");
  equal(await answer(one, "shop"), "PROJECT_UNAVAILABLE");
  await until(
    async () => await answer(two, "shop") === "PROJECT_UNAVAILABLE",
    1_000,
  );
  await until(async () => await backends(scratch, token) === 0, 1_000);
  await two.settle(15_000);
  deepEqual(await leftovers(scratch.sql, token), []);
  equal(await answer(two, "shop"), "PROJECT_NOT_FOUND");
});

Deno.test("a deleted project answers nothing within a second where notifications are cut off", async () => {
  await using scratch = await scratchPlane();
  const { one, two } = await shop(scratch);
  equal(await answer(two, "shop"), "answers");
  const cut = setInterval(() => {
    scratch.sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'fluxbase changes' AND datname = current_database()`
      .catch(() => {});
  }, 20);
  try {
    await one.deleteProject("shop");
    await until(async () => {
      const opened = await Promise.resolve(two.open("shop")).catch(() => undefined);
      return opened === undefined;
    }, 1_000);
  } finally {
    clearInterval(cut);
  }
});

Deno.test("a process that hears of no changes for a second asks before it answers", async () => {
  await using scratch = await scratchPlane();
  const { one } = await shop(scratch);
  await using wire = slowWire(scratch.url);
  const far = await scratch.open({ url: wire.url });
  equal(await answer(far, "shop"), "answers");
  wire.hold("fluxbase changes");
  await until(() => wire.held > 0, 1_000);
  await one.deleteProject("shop");
  await until(
    () => Promise.resolve(far.open("shop")).then(() => false, () => true),
    1_000,
  );
  wire.release();
  await far.close();
});

Deno.test("an id used again leads every process to the new project, never to the old", async () => {
  await using scratch = await scratchPlane();
  const { one, two } = await shop(scratch);
  await run(two.open("shop"), "CREATE TABLE old (id int)");
  await one.deleteProject("shop");
  await one.settle(15_000);
  await one.createProject({ id: "shop", dialect: "postgres" });
  deepEqual(await run(two.open("shop"), "SELECT to_regclass('old') IS NULL AS gone"), [[true]]);
});

Deno.test("changed settings are in force at once here and within a second elsewhere", async () => {
  await using scratch = await scratchPlane();
  const { one, two } = await shop(scratch);
  const before = await two.open("shop");
  await one.open("shop");
  await one.updateSettings("shop", { maxRows: 7 });
  equal((await one.open("shop")).project.settings.maxRows, 7);
  await until(
    async () => (await two.open("shop")).project.settings.maxRows === 7,
    1_000,
  );
  equal((await two.open("shop")).database, before.database, "its connections stay");
});

Deno.test("a row read before a change is not kept past it", async () => {
  await using scratch = await scratchPlane();
  const { one } = await shop(scratch);
  await using wire = slowWire(scratch.url);
  const far = await scratch.open({ url: wire.url });
  // Prepares the reading of the row on every connection, so that its answer is one message.
  for (let round = 0; round < 10; round++) await Promise.resolve(far.open("none")).catch(() => {});
  await far.open("shop");
  wire.hold("fluxbase control");
  await one.updateSettings("shop", { maxRows: 6 });
  await until(() => wire.held > 0, 1_000);
  await one.updateSettings("shop", { maxRows: 7 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  wire.release();
  equal((await far.open("shop")).project.settings.maxRows, 7);
  await far.close();
});

Deno.test("a deleted project's connections are closed everywhere without a request", async () => {
  await using scratch = await scratchPlane();
  let away = true;
  const connectServer: ConnectServer = (dialect, url, options) => {
    const server = connectPostgres(dialect, url, options);
    const drop = server.drop.bind(server);
    server.drop = (placement) => away ? Promise.reject(new Error("Not now")) : drop(placement);
    return server;
  };
  const [one, two] = [await scratch.open({ connectServer }), await scratch.open({ connectServer })];
  await one.createProject({ id: "shop", dialect: "postgres" });
  const token = await tokenOf(scratch);
  equal(await answer(two, "shop"), "answers");
  ok(await backends(scratch, token) > 0);
  await one.deleteProject("shop");
  await until(async () => await backends(scratch, token) === 0, 1_000);
  away = false;
});

Deno.test("a project that nobody asks for is closed, one with a call under way is not", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open({ idleAfterMs: 300 });
  await plane.createProject({ id: "shop", dialect: "postgres" });
  const token = await tokenOf(scratch);
  const slow = run(
    plane.open("shop"),
    "SELECT count(*) FROM generate_series(1, 3000000) AS a WHERE md5(a::text) = ''",
  );
  deepEqual(await slow, [["0"]]);
  ok(await backends(scratch, token) > 0);
  await until(async () => await backends(scratch, token) === 0, 3_000);
  equal(await answer(plane, "shop"), "answers");
});

Deno.test("a closed control plane opens nothing", async () => {
  await using scratch = await scratchPlane();
  const { one } = await shop(scratch);
  await one.open("shop");
  await one.close();
  equal(await answer(one, "shop"), "SHUTTING_DOWN");
});
