import {
  deepStrictEqual,
  doesNotMatch,
  match,
  notStrictEqual,
  ok,
  strictEqual,
} from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { scratchDatabase } from "./testing/postgres.ts";
import { executeSql } from "./testing/rest.ts";
import { type ServerProcess, startServerProcess } from "./testing/server_process.ts";

const MAIN = new URL("./main.ts", import.meta.url).pathname;
const SECRET = new Uint8Array(32).fill(1).toBase64();

/** Runs the command line to its end. */
async function fluxbase(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    env: { NO_COLOR: "1", LOG_LEVEL: "error", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "fluxbase-main-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Asserts that a start ends with one line that fits, and code 1. */
async function refuses(env: Readonly<Record<string, string>>, expected: RegExp): Promise<void> {
  await withFolder(async (folder) => {
    const { code, stderr } = await fluxbase(["start"], { FLUXBASE_DATA_DIR: folder, ...env });
    match(stderr, expected);
    doesNotMatch(stderr, /\n|hunter2/);
    strictEqual(code, 1);
  });
}

/** What the printed `curl` line would send, read by a shell. */
async function printedRequest(server: ServerProcess): Promise<string[]> {
  const line = /^\s*(curl .*)$/m.exec(server.output())?.[1] ?? "";
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", `curl() { printf '%s\\n' "$@"; }\n${line}`],
  }).output();
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

async function signIn(server: ServerProcess): Promise<Response> {
  const code = /#code=(\S+)/.exec(server.output())?.[1];
  return await fetch(`${server.url}/api/sign-in`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });
}

Deno.test("a bad variable stops the start with one line and code 1", () =>
  refuses({ PORT: "eighty" }, /^fluxbase: PORT is "eighty"; it must be a whole number/));

Deno.test("a port in use stops the start with one line and code 1, before PostgreSQL runs", () =>
  withFolder(async (folder) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const PORT = String(listener.addr.port);
    const { code, stderr } = await fluxbase(["start"], { FLUXBASE_DATA_DIR: folder, PORT });
    match(stderr, new RegExp(`^fluxbase: PORT ${PORT} is in use[^\\n]*$`));
    strictEqual(code, 1);
    strictEqual(await Deno.stat(join(folder, "postgres")).catch(() => null), null);
  }));

Deno.test("a DATABASE_URL where nothing answers stops the start with one line and code 1", () =>
  refuses(
    {
      PORT: "0",
      DATABASE_URL: "postgres://admin:hunter2@127.0.0.1:1/postgres",
      FLUXBASE_SECRET: SECRET,
    },
    /^fluxbase: [^\n]*127\.0\.0\.1:1[^\n]*$/,
  ));

Deno.test("a DATABASE_URL whose user lacks privileges stops the start with one line and code 1", async () => {
  await using database = await scratchDatabase();
  const admin = postgres(database.url, { max: 1 });
  const role = `powerless_${crypto.randomUUID().slice(0, 8)}`;
  await admin.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'hunter2hunter2'`);
  try {
    const url = new URL(database.url);
    url.username = role;
    url.password = "hunter2hunter2";
    await refuses(
      { PORT: "0", DATABASE_URL: url.href, FLUXBASE_SECRET: SECRET },
      /^fluxbase: The PostgreSQL at [^\n]*$/,
    );
  } finally {
    await admin.unsafe(`DROP ROLE ${role}`);
    await admin.end();
  }
});

Deno.test("an unknown command or flag is one line and code 1, and --help is code 0", async () => {
  for (
    const words of [["serve"], ["start", "--port", "1"], ["project", "list", "--scopes", "x"], []]
  ) {
    const { code, stderr } = await fluxbase(words);
    match(stderr, /^fluxbase: [^\n]*$/);
    strictEqual(code, 1);
  }
  const { code, stdout } = await fluxbase(["--help"]);
  match(stdout, /project create <id>/);
  strictEqual(code, 0);
});

Deno.test("a first start makes a demo project that the printed line and code open", () =>
  withFolder(async (dataFolder) => {
    {
      await using server = await startServerProcess({ dataFolder });
      for (const name of ["secret", "admin-key", "demo-key"] as const) {
        const { mode } = await Deno.stat(join(dataFolder, name));
        strictEqual((mode ?? 0) & 0o777, 0o600, name);
        ok(!server.output().includes(await server.secretFile(name)), `${name} was printed`);
      }
      const [url = "", ...rest] = await printedRequest(server);
      const response = await fetch(url, {
        method: "POST",
        headers: rest.filter((_, at) => rest[at - 1] === "-H").map((header) =>
          header.split(": ") as [string, string]
        ),
        body: rest[rest.indexOf("-d") + 1] ?? "",
      });
      const { success, result } = await response.json();
      ok(success);
      strictEqual(result.rows.length, 24);

      const first = await signIn(server);
      strictEqual(first.status, 200);
      strictEqual((await first.json()).key, await server.secretFile("demo-key"));
      const again = await signIn(server);
      strictEqual(again.status, 401);
      await again.body?.cancel();
      strictEqual(await server.stop(), 0);
    }
    {
      await using server = await startServerProcess({ dataFolder });
      doesNotMatch(server.output(), /once\) \.\.\./);
      const response = await signIn(server);
      strictEqual(response.status, 200);
      const { key } = await response.json();
      const answer = await executeSql(server.url, key, "SELECT count(*) AS n FROM observing_log");
      deepStrictEqual(answer.result.rows, [{ n: "367" }]);
      const url = ["--url", server.url];
      const deleted = await fluxbase(["project", "delete", "demo", "--yes", ...url], {
        FLUXBASE_DATA_DIR: dataFolder,
      });
      strictEqual(deleted.code, 0, deleted.stderr);
    }
    await using server = await startServerProcess({ dataFolder });
    doesNotMatch(server.output(), /#code=|Creating the demo/);
  }));

Deno.test("projects, keys, servers and types are administered from the command line", () =>
  withFolder(async (dataFolder) => {
    await using server = await startServerProcess({ dataFolder });
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await fluxbase([...args, "--url", server.url], {
        FLUXBASE_DATA_DIR: dataFolder,
      });
      return code === 0 ? stdout : stderr;
    };
    const key = await run("project", "create", "shop");
    match(key, /^flx_sk_/);
    match(await run("project", "list"), /^shop +postgres +default +ready$/m);
    match(await run("project", "create", "shop"), /^fluxbase: [^\n]*"shop"[^\n]*$/);
    const reader = await run("key", "create", "shop", "--scopes", "sql:read", "--name", "report");
    await executeSql(
      server.url,
      key,
      "CREATE TABLE goods (id int PRIMARY KEY, name text NOT NULL)",
    );
    strictEqual((await executeSql(server.url, reader, "SELECT * FROM goods")).success, true);
    const id = /^(\S+) +secret +sql:read +report/m.exec(await run("key", "list", "shop"))?.[1] ??
      "";
    strictEqual(await run("key", "revoke", "shop", id), `Key "${id}" is revoked`);
    strictEqual((await executeSql(server.url, reader, "SELECT * FROM goods")).status, 401);

    const out = join(dataFolder, "types.ts");
    strictEqual(await run("types", "--project", "shop", "--out", out), `Wrote "${out}"`);
    match(await Deno.readTextFile(out), /interface Database[^]*goods[^]*name: string/);
    match(await run("types", "--project", "shop", "--out", out, "--check"), /is up to date$/);
    await executeSql(server.url, key, "ALTER TABLE goods ADD COLUMN price numeric");
    match(await run("types", "--project", "shop", "--out", out, "--check"), /is not up to date/);
    doesNotMatch(await run("key", "list", "shop"), / types /);

    match(await run("servers", "list"), /^default +postgres .* active +2 /m);
    match(await run("servers", "drain", "default"), /takes no new projects$/);
    match(await run("project", "create", "late"), /^fluxbase: /);
    match(await run("servers", "drain", "default", "--undo"), /takes projects again$/);
    match(await run("project", "delete", "shop"), /add --yes/);
    strictEqual(await run("project", "delete", "shop", "--yes"), 'Project "shop" is removed');
  }));

Deno.test("a second signal ends the server at once, and PostgreSQL with it", () =>
  withFolder(async (dataFolder) => {
    await using server = await startServerProcess({ dataFolder });
    const key = await server.secretFile("demo-key");
    const lines = (await Deno.readTextFile(join(dataFolder, "postgres", "data", "postmaster.pid")))
      .split("\n");
    executeSql(server.url, key, "SELECT count(*) FROM generate_series(1, 1e10)").catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 500));
    const begun = Date.now();
    Deno.kill(server.pid, "SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 300));
    notStrictEqual(await server.stop(), 0);
    ok(Date.now() - begun < 3_000);
    const postmaster = Number(lines[0]);
    for (let turn = 0; turn < 50; turn++) {
      const alive = await Deno.stat(`/proc/${postmaster}`).then(() => true, () => false);
      if (!alive) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("PostgreSQL still runs");
  }));
