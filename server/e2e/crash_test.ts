import assert from "node:assert/strict";
import { createProject, executeSql, rowsOf } from "../testing/rest.ts";
import { startServerProcess, temporaryFolder } from "../testing/server_process.ts";

/** Process ids of every PostgreSQL process whose command line or parent belongs to `folder`. */
async function postgresProcesses(folder: string): Promise<number[]> {
  const real = await Deno.realPath(folder);
  const processes: { pid: number; parent: number; command: string }[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = await Deno.readTextFile(`/proc/${name}/cmdline`);
      const stat = await Deno.readTextFile(`/proc/${name}/stat`);
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      processes.push({ pid: Number(name), parent, command });
    } catch (error) {
      // It ended while we looked.
      if (!(error instanceof Deno.errors.NotFound) && !/os error 3/.test(String(error))) {
        throw error;
      }
    }
  }
  const postmasters = processes.filter(({ command }) =>
    /\/postgres\0/.test(command) && (command.includes(real) || command.includes(folder))
  ).map(({ pid }) => pid);
  return processes.filter(({ pid, parent }) =>
    postmasters.includes(pid) || postmasters.includes(parent)
  ).map(({ pid }) => pid);
}

Deno.test("a server killed under 200 concurrent requests starts again with all that it answered", async () => {
  await using folder = await temporaryFolder();
  const dataFolder = folder.path;
  const acknowledged: number[] = [];
  let key: string;
  let before: number[];
  {
    await using server = await startServerProcess({ dataFolder });
    const project = await createProject(server.url, await server.secretFile("admin-key"), "crash");
    key = project.key;
    await rowsOf(server.url, key, "CREATE TABLE kept (id int PRIMARY KEY)");
    before = await postgresProcesses(dataFolder);
    assert.ok(before.length > 0, "The embedded PostgreSQL was not found");
    const writing = Array.from({ length: 200 }, async (_, at) => {
      try {
        for (let turn = 0; turn < 50; turn++) {
          const id = at * 50 + turn;
          const query = "INSERT INTO kept SELECT $1 FROM generate_series(1, 20000) g LIMIT 1";
          const answer = await executeSql(server.url, key, query, [id]);
          if (answer.success) acknowledged.push(id);
        }
      } catch {
        // The server is gone; what it had not answered may or may not be there.
      }
    });
    while (acknowledged.length < 500) await new Promise((resolve) => setTimeout(resolve, 10));
    await server.kill();
    await Promise.all(writing);
  }
  await using again = await startServerProcess({ dataFolder });
  const rows = await rowsOf(again.url, key, "SELECT id FROM kept");
  const kept = new Set(rows.map(({ id }) => id));
  assert.deepEqual(acknowledged.filter((id) => !kept.has(id)), [], "Acknowledged rows are gone");
  const after = await postgresProcesses(dataFolder);
  const orphans = before.filter((pid) => after.includes(pid));
  assert.deepEqual(orphans, [], "Backends of the killed server are still there");
});
