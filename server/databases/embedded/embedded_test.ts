import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { type EmbeddedPostgres, startEmbedded } from "./embedded.ts";
import { shell } from "./shell.ts";

const ROOT = Deno.uid() === 0;
const CHILD = new URL("../../testing/embedded_process.ts", import.meta.url).pathname;

/** Keeps a backend from noticing anything for hours. */
const ENDLESS = "SELECT count(*) FROM generate_series(1, 1e12)";

/** A temporary folder, removed with all that its path leads to. */
async function temporary(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "fluxbase-embedded-" });
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Starts PostgreSQL in this process; `log` holds what was said above `debug`. */
async function start(folder: string) {
  const log: string[] = [];
  const debug: string[] = [];
  const server = await startEmbedded({
    folder,
    log: (level, message) => (level === "debug" ? debug : log).push(message),
    progress: (message) => log.push(message),
  });
  return { server, log, debug };
}

function connect(server: EmbeddedPostgres, user = "postgres", database = "postgres") {
  return postgres({ host: server.socketFolder, user, database, max: 1, onnotice: () => {} });
}

/** A child process that runs PostgreSQL on the folder, in a group of its own. */
async function startChild(folder: string, options: { busy?: string; cwd?: string } = {}) {
  const { busy, cwd } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", CHILD, folder, ...(busy === undefined ? [] : [busy])],
    stdout: "piped",
    detached: true,
    ...(cwd !== undefined && { cwd }),
  }).spawn();
  const lines: string[] = [];
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  async function untilJson(): Promise<Record<string, unknown>> {
    while (true) {
      const line = lines.join("").split("\n").slice(0, -1).findLast((text) => text.startsWith("{"));
      if (line !== undefined) {
        lines.length = 0;
        return JSON.parse(line);
      }
      const { value, done } = await reader.read();
      if (done) throw new Error(`The child ended: ${lines.join("")}`);
      lines.push(value);
    }
  }
  const ready = await untilJson();
  const postmaster = Number(ready["pid"]);
  return {
    child,
    ready,
    untilJson,
    postmaster,
    backend: Number(ready["backend"]),
    watchdog: await parentOf(postmaster),
  };
}

async function parentOf(pid: number): Promise<number> {
  const { stdout } = await shell('ps -o ppid= -p "$1"', [String(pid)]);
  return Number(stdout);
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await shell('ps -o pid= --ppid "$1"', [String(pid)]);
  return stdout.trim().split(/\s+/).map(Number);
}

/** Kills all of them in one stroke: frozen first, so that none acts on the end of another. */
async function kill9(...pids: number[]): Promise<void> {
  await shell('kill -STOP "$@"; kill -9 "$@"', pids.map(String));
}

async function lives(pid: number): Promise<boolean> {
  const { stdout } = await shell('ps -o stat= -p "$1"', [String(pid)]);
  return stdout !== "" && !stdout.startsWith("Z");
}

async function goneWithin(milliseconds: number, pid: number): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (await lives(pid)) {
    ok(Date.now() < deadline, `Process ${pid} still runs after ${milliseconds} ms`);
    await sleep(50);
  }
}

Deno.test("a first start makes the data, a second one finds it, and a stop leaves no process", async () => {
  await using place = await temporary();
  const first = await start(place.folder);
  deepStrictEqual(first.log, ["Creating the database (once) ..."]);
  const sql = connect(first.server);
  await sql`CREATE TABLE kept AS SELECT 42 AS answer`;
  await sql.end();
  const pid = first.server.pid();
  await first.server.stop();
  ok(!await lives(pid));
  ok(!first.server.alive());

  const second = await start(place.folder);
  deepStrictEqual(second.log, []);
  match(second.debug.join("\n"), /database system was shut down at/);
  const again = connect(second.server);
  deepStrictEqual([...await again`SELECT answer FROM kept`], [{ answer: 42 }]);
  await again.end();
  await second.server.stop();
});

Deno.test("only the user who runs it logs in, each project's roles into project databases", async () => {
  await using place = await temporary();
  const { server } = await start(place.folder);
  const token = "0123456789abcdef".repeat(2);
  const admin = connect(server);
  try {
    await admin.unsafe(`CREATE ROLE p_${token}_owner LOGIN`);
    await admin.unsafe(`CREATE ROLE someone LOGIN`);
    await admin.unsafe(`CREATE DATABASE p_${token}`);
    const login = async (user: string, database: string) => {
      const sql = connect(server, user, database);
      try {
        const [row] = await sql`SELECT current_user::text AS who, inet_server_addr() AS address`;
        return row;
      } finally {
        await sql.end();
      }
    };
    deepStrictEqual(
      { ...await login(`p_${token}_owner`, `p_${token}`) },
      { who: `p_${token}_owner`, address: null },
    );
    await rejects(login(`p_${token}_owner`, "postgres"), { code: "28000" });
    await rejects(login("someone", "postgres"), { code: "28000" });
    await rejects(login("someone", `p_${token}`), { code: "28000" });
    strictEqual((await admin`SHOW listen_addresses`)[0]?.["listen_addresses"], "");
    const outsider = await shell('cd "$1"', [server.socketFolder], {
      user: ROOT ? { uid: 65_534, gid: 65_534 } : undefined,
    });
    strictEqual(outsider.ok, !ROOT);
  } finally {
    await admin.end();
    await server.stop();
  }
});

Deno.test("the limits that need a restart suffice for 500 projects, and one session's memory is bounded", async () => {
  await using place = await temporary();
  const { server } = await start(place.folder);
  const sql = connect(server);
  try {
    const rows = await sql`
      SELECT name, setting FROM pg_settings WHERE name IN ('max_replication_slots',
        'max_wal_senders', 'max_active_replication_origins')`;
    strictEqual(rows.length, 3);
    for (const row of rows) ok(Number(row["setting"]) >= 500, `${row["name"]}`);
    strictEqual((await sql`SHOW fsync`)[0]?.["fsync"], "on");
    strictEqual((await sql`SHOW wal_level`)[0]?.["wal_level"], "logical");
    const pid = server.pid();
    await rejects(sql`SELECT array_agg(repeat('x', 10000)) FROM generate_series(1, 1000000)`, {
      code: "53200",
    });
    deepStrictEqual([...await sql`SELECT 1 AS one`], [{ one: 1 }]);
    strictEqual(server.pid(), pid);
  } finally {
    await sql.end();
    await server.stop();
  }
});

Deno.test("a second start on the same folder is refused in one line", async () => {
  await using place = await temporary();
  const { server } = await start(place.folder);
  await rejects(
    start(place.folder),
    /^EmbeddedError: Another Fluxbase runs on the data in "[^\n]*$/,
  );
  await server.stop();
  const next = await start(place.folder);
  await next.server.stop();
});

Deno.test("kill -9 of the server stops PostgreSQL cleanly within seconds", async () => {
  await using place = await temporary();
  const { child, postmaster, watchdog } = await startChild(place.folder, { busy: ENDLESS });
  await kill9(child.pid);
  await child.status;
  await goneWithin(5_000, postmaster);
  await goneWithin(2_000, watchdog);
  const { server, log, debug } = await start(place.folder);
  deepStrictEqual(log, []);
  match(debug.join("\n"), /database system was shut down at/);
  await server.stop();
});

Deno.test("a start right after kill -9 waits for the old PostgreSQL to leave", async () => {
  await using place = await temporary();
  const { child, postmaster } = await startChild(place.folder);
  await kill9(child.pid);
  const { server } = await start(place.folder);
  ok(!await lives(postmaster));
  await server.stop();
});

Deno.test("kill -9 of server, watchdog and postmaster at once leaves nothing in the way", async () => {
  await using place = await temporary();
  const { child, postmaster, watchdog, backend } = await startChild(place.folder, {
    busy: ENDLESS,
  });
  await kill9(child.pid, watchdog, postmaster);
  await child.status;
  const { server, debug } = await start(place.folder);
  match(debug.join("\n"), /automatic recovery in progress/);
  ok(!await lives(backend));
  await server.stop();
});

Deno.test("a postmaster that outlived server and watchdog is found and stopped", async () => {
  await using place = await temporary();
  const { child, postmaster, watchdog } = await startChild(place.folder);
  // Its inner half too, which would otherwise see the pipe close and shut PostgreSQL down.
  const halves = (await childrenOf(watchdog)).filter((pid) => pid !== postmaster);
  ok(halves.length > 0);
  await kill9(child.pid, ...halves, watchdog);
  await child.status;
  ok(await lives(postmaster));
  const { server, log, debug } = await start(place.folder);
  match(log.join("\n"), /Ended \d+ processes of a PostgreSQL that was left running/);
  match(debug.join("\n"), /database system was shut down at/);
  ok(!await lives(postmaster));
  await server.stop();
});

Deno.test("kill -9 of PostgreSQL or of its watchdog is followed by a restart", async () => {
  await using place = await temporary();
  const { server } = await start(place.folder);
  const sql = connect(server);
  for (const victim of ["postmaster", "watchdog"]) {
    const before = server.pid();
    await kill9(victim === "postmaster" ? before : await parentOf(before));
    const deadline = Date.now() + 10_000;
    while (server.pid() === before || !server.alive()) {
      ok(Date.now() < deadline, "PostgreSQL did not come back");
      await sleep(20);
    }
    ok(!await lives(before));
    const answer = async () => [...await sql`SELECT 1 AS one`];
    deepStrictEqual(await answer().catch(answer), [{ one: 1 }]);
  }
  await sql.end();
  const last = server.pid();
  await server.stop();
  ok(!await lives(last));
});

Deno.test("a postmaster.pid whose number a stranger has now does not block the start", async () => {
  await using place = await temporary();
  const first = await start(place.folder);
  await first.server.stop();
  const data = join(place.folder, "postgres", "data");
  const { uid, gid } = await Deno.stat(data);
  const stranger = new Deno.Command("sleep", {
    args: ["60"],
    ...(ROOT && { uid: uid ?? 0, gid: gid ?? 0 }),
  }).spawn();
  const file = join(data, "postmaster.pid");
  await Deno.writeTextFile(file, `${stranger.pid}\n${data}\n1700000000\n5432\n../socket\n\n`);
  if (ROOT) await Deno.chown(file, uid, gid);
  const { server, log } = await start(place.folder);
  deepStrictEqual(log, []);
  ok(await lives(stranger.pid));
  stranger.kill("SIGKILL");
  await stranger.status;
  await server.stop();
});

Deno.test("data of another major version is left alone, with an instruction in one line", async () => {
  await using place = await temporary();
  const data = join(place.folder, "postgres", "data");
  await Deno.mkdir(data, { recursive: true });
  await Deno.writeTextFile(join(data, "PG_VERSION"), "17\n");
  await rejects(start(place.folder), /was made by PostgreSQL 17, .* brings PostgreSQL 18: dump it/);
  deepStrictEqual([...Deno.readDirSync(data)].map(({ name }) => name), ["PG_VERSION"]);
});

Deno.test("a crash in the middle of initdb leaves nothing in the way", async () => {
  await using place = await temporary();
  const home = join(place.folder, "postgres");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", CHILD, place.folder],
    stdout: "null",
    detached: true,
  }).spawn();
  const halfMade = async () => {
    const { stdout } = await shell('ls -d "$1"/data.new-*/base/1 "$1"/data', [home]);
    return stdout;
  };
  while (await halfMade() === "") await sleep(5);
  await kill9(child.pid);
  await child.status;
  match(await halfMade(), /data\.new-/, "the kill came too late");
  const { server, log } = await start(place.folder);
  deepStrictEqual(log, ["Creating the database (once) ..."]);
  await server.stop();
  const left = [...Deno.readDirSync(home)].map(({ name }) => name);
  deepStrictEqual(left.filter((name) => name.startsWith("data")), ["data"]);
});

Deno.test("Ctrl-C on the whole group leaves PostgreSQL up until the server has drained", async () => {
  await using place = await temporary();
  const { child, untilJson, postmaster } = await startChild(place.folder);
  await shell('kill -INT "-$1"', [String(child.pid)]);
  deepStrictEqual(await untilJson(), { drained: 1, pid: postmaster });
  strictEqual((await child.status).code, 0);
  ok(!await lives(postmaster));
});

Deno.test("a folder too deep for a socket's name is served all the same", async () => {
  await using place = await temporary();
  await Deno.chmod(place.folder, 0o711);
  const deep = join(place.folder, "d".repeat(100));
  await Deno.mkdir(deep);
  const { child, ready } = await startChild(".fluxbase", { cwd: deep });
  strictEqual(ready["socketFolder"], ".fluxbase/postgres/socket");
  child.kill("SIGINT");
  strictEqual((await child.status).code, 0);
});

Deno.test({
  name: "under a folder that only root may enter, the data lies in /var/lib/fluxbase, linked",
  ignore: !ROOT,
  fn: async () => {
    await using place = await temporary();
    await Deno.chmod(place.folder, 0o700);
    const folder = join(place.folder, ".fluxbase");
    const first = await start(folder);
    const elsewhere = first.server.elsewhere ?? "";
    try {
      match(elsewhere, /^\/var\/lib\/fluxbase\/[0-9a-f]{12}$/);
      strictEqual(await Deno.readLink(join(folder, "postgres")), elsewhere);
      const pid = first.server.pid();
      await first.server.stop();
      ok(!await lives(pid));
      const second = await start(folder);
      strictEqual(second.server.elsewhere, elsewhere);
      deepStrictEqual(second.log, []);
      await second.server.stop();
    } finally {
      if (elsewhere !== "") await Deno.remove(elsewhere, { recursive: true });
    }
  },
});
