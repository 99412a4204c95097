import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import postgres from "postgres";
import { throwAwayPostgres } from "../databases/embedded/throw_away.ts";
import { PostgresServer } from "../databases/postgres/server.ts";
import { connectPostgres, scratchPlane, until } from "../testing/control_plane.ts";
import type { ConnectServer } from "./servers.ts";

const socketServer = (socketFolder: string): ConnectServer => (_dialect, adminUrl) =>
  new PostgresServer({ adminUrl, socketFolder, rolePassword: () => "unused" });

Deno.test("the first server is the control plane's own and stands without its URL", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const [server, ...others] = await plane.listServers();
  deepEqual(others, []);
  equal(server?.name, "default");
  equal(server?.dialect, "postgres");
  equal(server?.host, new URL(scratch.url).host);
  equal(server?.state, "active");
  equal(server?.projects, 0);
  match(server?.version ?? "", /^PostgreSQL \d+/);
  const [row] = await scratch.sql`SELECT sealed_url FROM fluxbase_control.servers`;
  equal(row?.["sealed_url"], null);
});

Deno.test("a second PostgreSQL takes new projects in every live process without a restart", async () => {
  await using second = await throwAwayPostgres();
  await using scratch = await scratchPlane();
  const [one, two] = [await scratch.open(), await scratch.open()];
  await one.createProject({ id: "at-home", dialect: "postgres" });
  const added = await one.addServer({ name: "eu-2", dialect: "postgres", url: second.url });
  deepEqual([added.name, added.host, added.state, added.projects], [
    "eu-2",
    `127.0.0.1:${second.port}`,
    "active",
    0,
  ]);
  const named = await two.createProject({ id: "named", dialect: "postgres", server: "eu-2" });
  equal(named.server, "eu-2");
  const fewest = await two.createProject({ id: "fewest", dialect: "postgres" });
  ok(["default", "eu-2"].includes(fewest.server));
  const least = await two.createProject({ id: "least", dialect: "postgres" });
  deepEqual(new Set([fewest.server, least.server]), new Set(["default", "eu-2"]));
  const there = postgres(second.url, { max: 1 });
  const databases = await there`SELECT FROM pg_database WHERE datname ~ '^p_[0-9a-f]{32}$'`;
  await there.end();
  equal(databases.length, 2);
  deepEqual(
    (await two.listServers()).map(({ name, projects }) => ({ name, projects })),
    [{ name: "default", projects: 2 }, { name: "eu-2", projects: 2 }],
  );
  await one.deleteProject("named");
  await one.settle(15_000);
  equal((await two.listServers())[1]?.projects, 1);
  // The scope's clean-up knows the first server only.
  for (const { id, server } of await one.listProjects()) {
    if (server === "eu-2") await one.deleteProject(id);
  }
  await one.settle(15_000);
});

Deno.test("a draining server keeps its projects and takes no new ones, in every process", async () => {
  await using scratch = await scratchPlane();
  const [one, two] = [await scratch.open(), await scratch.open()];
  await one.createProject({ id: "old", dialect: "postgres" });
  equal((await one.updateServer("default", { state: "draining" })).state, "draining");
  await rejects(two.createProject({ id: "new", dialect: "postgres" }), {
    code: "DIALECT_UNAVAILABLE",
  });
  await rejects(two.createProject({ id: "new", dialect: "postgres", server: "default" }), {
    code: "SERVER_CONFLICT",
  });
  equal((await two.getProject("old")).state, "ready");
  equal((await two.listServers())[0]?.projects, 1);
  await one.updateServer("default", { state: "active" });
  equal((await two.createProject({ id: "new", dialect: "postgres" })).state, "ready");
  await rejects(one.updateServer("other", { state: "active" }), { code: "SERVER_NOT_FOUND" });
});

Deno.test("a new project may only name a server that is there and of its dialect", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await rejects(plane.createProject({ id: "new", dialect: "postgres", server: "nowhere" }), {
    code: "SERVER_NOT_FOUND",
  });
  await rejects(plane.createProject({ id: "new", dialect: "mysql", server: "default" }), {
    code: "BAD_REQUEST",
  });
});

Deno.test("an unreachable server is not added, and its password is in no error", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const url = "postgres://admin:hunter2@127.0.0.1:1/postgres";
  await rejects(
    plane.addServer({ name: "eu-2", dialect: "postgres", url }),
    (error: Error & { code: string }) => {
      equal(error.code, "SERVER_UNSUITABLE");
      return !error.message.includes("hunter2");
    },
  );
  equal((await plane.listServers()).length, 1);
});

Deno.test("a server whose account is no superuser is not added, with the reason", async () => {
  await using second = await throwAwayPostgres();
  const there = postgres(second.url, { max: 1 });
  await there`CREATE ROLE weak LOGIN CREATEDB CREATEROLE PASSWORD 'weak'`;
  await there`REVOKE CONNECT ON DATABASE postgres FROM PUBLIC`;
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const url = new URL(second.url);
  url.username = url.password = "weak";
  const add = () => plane.addServer({ name: "eu-2", dialect: "postgres", url: url.href });
  await rejects(add(), { code: "SERVER_UNSUITABLE", message: /permission denied for database/ });
  await there`GRANT CONNECT ON DATABASE postgres TO weak`;
  await rejects(add(), { code: "SERVER_UNSUITABLE", message: /superuser/ });
  await there.end();
});

Deno.test("a server is known once, by name and by host", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const add = (name: string, url: string) => plane.addServer({ name, dialect: "postgres", url });
  await rejects(add("default", "postgres://u@127.0.0.1:1/postgres"), { code: "SERVER_CONFLICT" });
  await rejects(add("again", scratch.url), {
    code: "SERVER_CONFLICT",
    message: /is known already, as "default"$/,
  });
});

Deno.test("a server's name and URL are checked before anything is asked of it", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const url = "postgres://u@127.0.0.1:1/postgres";
  for (const name of ["", "A", "1a", "a b", "a/b", "x".repeat(64)]) {
    await rejects(plane.addServer({ name, dialect: "postgres", url }), { code: "BAD_REQUEST" });
  }
  await rejects(
    plane.addServer({ name: "eu-2", dialect: "postgres", url: "hunter2 is no URL" }),
    (error: Error & { code: string }) =>
      error.code === "BAD_REQUEST" && !error.message.includes("hunter2"),
  );
});

Deno.test("the URL of an added server is stored encrypted", async () => {
  await using second = await throwAwayPostgres();
  await using scratch = await scratchPlane();
  await (await scratch.open()).addServer({ name: "eu-2", dialect: "postgres", url: second.url });
  const rows = await scratch
    .sql`SELECT row_to_json(servers)::text AS row FROM fluxbase_control.servers`;
  const text = rows.map((row) => row["row"]).join("\n");
  const password = new URL(second.url).password;
  equal(text.includes(password), false);
  const hex = Array.from(
    new TextEncoder().encode(password),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
  equal(text.includes(hex), false);
  // A later process opens it again.
  const later = await scratch.open();
  deepEqual((await later.listServers())[1]?.lacks.filter((lack) => /reach/.test(lack)), []);
});

Deno.test("a listed server that has gone away says so and keeps its place", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  {
    await using second = await throwAwayPostgres();
    await plane.addServer({ name: "eu-2", dialect: "postgres", url: second.url });
  }
  const [, gone] = await plane.listServers();
  equal(gone?.name, "eu-2");
  match(gone?.version ?? "", /^PostgreSQL/);
  match(gone?.lacks[0] ?? "", /cannot be reached/);
});

Deno.test("a control database behind a local socket is opened by libpq's form of its URL", async () => {
  await using second = await throwAwayPostgres();
  await using scratch = await scratchPlane();
  const url = `postgres://postgres@${
    encodeURIComponent(second.socketFolder)
  }:${second.port}/postgres`;
  const plane = await scratch.open({ url, connectServer: socketServer(second.socketFolder) });
  equal((await plane.listServers())[0]?.host, `${second.socketFolder}:${second.port}`);
  await plane.close();
});

Deno.test("a project on a server that is away is finished once it is back", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await plane.createProject({ id: "shop", dialect: "postgres" });
  let down = true;
  await plane.close();
  const flaky = await scratch.open({
    connectServer: (dialect, url, options) => {
      const server = connectPostgres(dialect, url, options);
      const drop = server.drop.bind(server);
      server.drop = (placement) =>
        down ? Promise.reject(new Error("Server is away")) : drop(placement);
      return server;
    },
  });
  await flaky.deleteProject("shop");
  await rejects(flaky.settle(600), { code: "PROJECT_UNAVAILABLE" });
  down = false;
  await until(() => flaky.getProject("shop").then(() => false, () => true), 10_000);
});
