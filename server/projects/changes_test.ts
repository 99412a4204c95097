import { deepEqual, equal, ok } from "node:assert/strict";
import { scratchPlane, until } from "../testing/control_plane.ts";
import { type Change, Changes, LEASE_MS, recordChange } from "./changes.ts";
import { connectControl } from "./control_sql.ts";

interface Follower extends AsyncDisposable {
  readonly changes: Changes;
  readonly told: Change[];
}

async function follow(url: string): Promise<Follower> {
  const changes = new Changes(
    (onnotify) => connectControl(url, { max: 1, name: "test changes", onnotify }),
  );
  const told: Change[] = [];
  changes.subscribe((change) => told.push(change));
  await changes.start();
  return { changes, told, [Symbol.asyncDispose]: () => changes.close() };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a change is told by its notification, and once", async () => {
  await using scratch = await scratchPlane();
  await scratch.open();
  await using follower = await follow(scratch.url);
  await recordChange(scratch.sql, "key", "abc");
  await until(() => follower.told.length > 0, LEASE_MS);
  await pause(800);
  deepEqual(follower.told.filter(({ kind }) => kind !== "process"), [
    { kind: "key", subject: "abc" },
  ]);
});

Deno.test("a change that is rolled back is not told", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  await using follower = await follow(scratch.url);
  await plane.transaction(async (tx) => {
    await recordChange(tx, "key", "abc");
    throw new Error("Roll back");
  }).catch(() => {});
  await pause(600);
  deepEqual(follower.told, []);
});

Deno.test("many changes of many processes at once are all told, in order of their commits", async () => {
  await using scratch = await scratchPlane();
  await scratch.open();
  await using follower = await follow(scratch.url);
  await Promise.all(
    Array.from({ length: 100 }, (_, index) => recordChange(scratch.sql, "key", `k${index}`)),
  );
  await until(() => follower.told.length >= 100, 2_000);
  equal(new Set(follower.told.map((change) => "subject" in change && change.subject)).size, 100);
});

Deno.test("changes made while the listener was cut off are told as all, within a second", async () => {
  await using scratch = await scratchPlane();
  await scratch.open();
  await using follower = await follow(scratch.url);
  for (let round = 0; round < 5; round++) {
    follower.told.length = 0;
    await scratch.sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'test changes' AND datname = current_database()`;
    await recordChange(scratch.sql, "key", "abc");
    await until(() => follower.told.length > 0, LEASE_MS);
  }
});

Deno.test("a session that hears nothing any more is noticed by the counter", async () => {
  await using scratch = await scratchPlane();
  await scratch.open();
  await using follower = await follow(scratch.url);
  // As after a pooler that switched the session: connected, but not listening.
  await scratch.sql`UPDATE fluxbase_control.change_counter SET value = value + 1`;
  await until(() => follower.told.some(({ kind }) => kind === "all"), LEASE_MS);
});

Deno.test("a counter that fell, as by a restored backup, makes all memory doubtful", async () => {
  await using scratch = await scratchPlane();
  await scratch.open();
  await using follower = await follow(scratch.url);
  await scratch.sql`UPDATE fluxbase_control.change_counter SET value = 0`;
  await until(() => follower.told.some(({ kind }) => kind === "all"), LEASE_MS);
  await recordChange(scratch.sql, "key", "abc");
  await until(() => follower.told.some(({ kind }) => kind === "key"), LEASE_MS);
});

Deno.test("memory is not fresh once the counter cannot be read for a second, and is again after", async () => {
  await using scratch = await scratchPlane();
  await scratch.open();
  await using follower = await follow(scratch.url);
  const { changes } = follower;
  ok(changes.fresh(performance.now()));
  // Holds up the reading of the counter, as a database that hangs.
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const holding = scratch.sql.begin(async (tx) => {
    await tx`LOCK TABLE fluxbase_control.change_counter IN ACCESS EXCLUSIVE MODE`;
    await held;
  });
  const ms = await until(() => !changes.fresh(performance.now()), LEASE_MS + 500);
  ok(ms <= LEASE_MS + 50, `${ms} ms`);
  release();
  await holding;
  await until(() => changes.fresh(performance.now()), 3_000);
});
