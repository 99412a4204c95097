import { deepEqual, equal, ok } from "node:assert/strict";
import type { DatabaseServer } from "../databases/database.ts";
import { connectPostgres, scratchPlane, until } from "../testing/control_plane.ts";
import { connectionShare } from "./processes.ts";
import type { ConnectServer } from "./servers.ts";

/** Connects as always, and notes the budgets that the server is told. */
function noting(budgets: number[]): ConnectServer {
  return (dialect, url, options) => {
    const server: DatabaseServer = connectPostgres(dialect, url, options);
    const set = server.setConnectionBudget.bind(server);
    server.setConnectionBudget = (connections) => {
      budgets.push(connections);
      set(connections);
    };
    return server;
  };
}

Deno.test("shares of all processes together leave room under the server's limit", () => {
  for (const max of [50, 100, 500, 5_000]) {
    for (let live = 1; live <= max / 25; live++) {
      for (const first of [true, false]) {
        const share = connectionShare(max, live, { first });
        const held = live * (share + 3 + (first ? 9 : 0));
        ok(held <= max - 10, `${live} processes hold ${held} of ${max}`);
      }
    }
  }
});

Deno.test("a share never falls to nothing", () => {
  equal(connectionShare(20, 50, { first: true }), 2);
});

Deno.test("a process's share shrinks when another starts and grows when it stops", async () => {
  await using scratch = await scratchPlane();
  const budgets: number[] = [];
  const one = await scratch.open({ connectServer: noting(budgets) });
  const [{ max } = { max: 0 }] = await scratch.sql<{ max: number }[]>`
    SELECT setting::int AS max FROM pg_settings WHERE name = 'max_connections'`;
  const share = (live: number) => connectionShare(max, live, { first: true });
  equal(budgets.at(-1), share(1));
  const two = await scratch.open();
  await until(() => budgets.at(-1) === share(2), 1_000);
  deepEqual([one.liveProcesses, two.liveProcesses], [2, 2]);
  await two.close();
  await until(() => budgets.at(-1) === share(1), 1_000);
});

Deno.test("a configured number of connections is every server's budget", async () => {
  await using scratch = await scratchPlane();
  const budgets: number[] = [];
  await scratch.open({ connectServer: noting(budgets), connections: 7 });
  await scratch.open();
  await new Promise((resolve) => setTimeout(resolve, 200));
  deepEqual(new Set(budgets), new Set([7]));
});

Deno.test("a killed process's row expires, and its share goes to the living", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  // What a killed process leaves behind: a row that nobody renews.
  await scratch.sql`
    INSERT INTO fluxbase_control.processes (id, seen_at)
    VALUES (gen_random_uuid(), clock_timestamp() - interval '8 seconds')`;
  await until(() => plane.liveProcesses === 2, 4_000);
  const expired = await until(() => plane.liveProcesses === 1, 9_000);
  ok(expired < 8_000);
  const rows = await scratch.sql`SELECT FROM fluxbase_control.processes`;
  equal(rows.length, 1);
});
