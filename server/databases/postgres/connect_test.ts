import assert from "node:assert/strict";
import { heldBytes } from "../../testing/memory.ts";
import type { FluxbaseError } from "../../errors.ts";
import type { RoleName } from "../database.ts";
import { actor, AMPLE, type TestDatabase, testDatabase } from "../../testing/postgres_database.ts";
import { ConnectionBudget } from "./connect.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Keeps a backend computing for about this many milliseconds; `pg_sleep` is not to be had. */
const burn = (ms: number) =>
  `SELECT count(*) FROM generate_series(1, 100000) AS n
   WHERE clock_timestamp() < statement_timestamp() + interval '${ms} ms' OR n < 0`;

/** A statement that holds its connection without using a core: it waits for a row lock. */
async function gate(db: TestDatabase): Promise<AsyncDisposable & { readonly query: string }> {
  await db.run("owner", "CREATE TABLE gate (id int)");
  await db.run("owner", "INSERT INTO gate VALUES (1)");
  const keeper = db.project.as("admin");
  const opened = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const closed = keeper.begin(async (sql) => {
    await sql`SELECT * FROM public.gate FOR UPDATE`;
    locked.resolve();
    await opened.promise;
  });
  await locked.promise;
  return {
    query: "SELECT id FROM gate FOR UPDATE",
    async [Symbol.asyncDispose]() {
      opened.resolve();
      await closed;
    },
  };
}

interface Tally {
  readonly done: number;
  readonly overloaded: number;
}

async function tally(running: Promise<unknown>[]): Promise<Tally> {
  let done = 0;
  let overloaded = 0;
  await Promise.all(running.map((one) =>
    one.then(() => done++, (error: FluxbaseError) => {
      assert.equal(error.code, "OVERLOADED");
      assert.equal(error.retryable, true);
      overloaded++;
    })
  ));
  return { done, overloaded };
}

/** Samples the server's own count of backends until stopped; answers the most it ever was. */
function sample(...dbs: TestDatabase[]): () => Promise<number> {
  let most = 0;
  let stopped = false;
  const sampling = (async () => {
    while (!stopped) {
      const counts = await Promise.all(dbs.map((db) => db.backends()));
      most = Math.max(most, counts.reduce((sum, count) => sum + count, 0));
      await sleep(3);
    }
  })();
  // A test that fails for another reason leaves it running against a database that is gone.
  sampling.catch(() => {});
  return async () => {
    stopped = true;
    await sampling;
    return most;
  };
}

Deno.test("a thousand slow statements hold no more than the budget; the surplus is turned away", async () => {
  await using db = await testDatabase({
    connections: 8,
    maxWaitingOfProject: 400,
    maxWaitMs: 1_500,
  });
  await using slow = await gate(db);
  const most = sample(db);
  const before = heldBytes();
  const started = performance.now();
  const flood = Array.from({ length: 1_000 }, () => db.run("service_rw", slow.query));
  const outcome = tally(flood);
  outcome.catch(() => {});
  await sleep(1_000);
  assert.equal(db.budget.open, 6, "A project's share of 8 is three quarters");
  assert.equal(db.budget.waiting, 394, "400 were let in, and 6 of them run");
  assert.ok(heldBytes() - before < 50e6);
  await sleep(900);
  assert.equal(db.budget.waiting, 0, "Nobody waits past the deadline");
  await slow[Symbol.asyncDispose]();
  assert.deepEqual(await outcome, { done: 6, overloaded: 994 });
  assert.ok(performance.now() - started < 4_000);
  assert.equal(await most(), 6);
});

Deno.test("waiting statements are served in their order as sessions become free", async () => {
  await using db = await testDatabase({ connections: 1, projectShare: 1 });
  const order: number[] = [];
  await Promise.all(Array.from({ length: 50 }, async (_, n) => {
    await db.run("service_rw", `SELECT ${n}`);
    order.push(n);
  }));
  assert.deepEqual(order, Array.from({ length: 50 }, (_, n) => n));
});

Deno.test("one project's flood does not starve its neighbour", async () => {
  const budget = new ConnectionBudget({ connections: 4, maxWaitingOfProject: 2_000 });
  await using loud = await testDatabase({ budget });
  await using quiet = await testDatabase({ budget });
  const most = sample(loud, quiet);
  let flooding = true;
  const flood = Array.from({ length: 200 }, async () => {
    while (flooding) await loud.run("service_rw", burn(10));
  });
  await sleep(300);
  const times: number[] = [];
  for (let i = 0; i < 100; i++) {
    const started = performance.now();
    await quiet.run("service_rw", "SELECT 1");
    times.push(performance.now() - started);
    await sleep(5);
  }
  flooding = false;
  await Promise.all(flood);
  times.sort((a, b) => a - b);
  const p99 = times[98] ?? Infinity;
  // A place in the flood's own line would take about 200 * 10 ms / 3 = 700 ms.
  assert.ok(p99 < 300, `The neighbour's p99 is ${p99} ms`);
  assert.ok(await most() <= 4);
  budget.close();
});

Deno.test("with fewer connections than busy projects each gets its turn", async () => {
  const budget = new ConnectionBudget({ connections: 2, projectShare: 1 });
  await using a = await testDatabase({ budget });
  await using b = await testDatabase({ budget });
  await using c = await testDatabase({ budget });
  const most = sample(a, b, c);
  const done = [0, 0, 0];
  const until = performance.now() + 2_000;
  await Promise.all([a, b, c].flatMap((db, index) =>
    Array.from({ length: 20 }, async () => {
      while (performance.now() < until) {
        await db.run("service_rw", "SELECT count(*) FROM generate_series(1, 3000)");
        if (performance.now() < until) done[index] = (done[index] ?? 0) + 1;
      }
    })
  ));
  assert.ok(Math.min(...done) > 10, `Statements done: ${done}`);
  assert.ok(await most() <= 2);
  budget.close();
});

Deno.test("an idle session of another login or project makes room", async () => {
  const budget = new ConnectionBudget({ connections: 2, projectShare: 1 });
  await using a = await testDatabase({ budget });
  await using b = await testDatabase({ budget });
  const most = sample(a, b);
  const roles: RoleName[] = ["owner", "service_rw", "service_ro", "user_rw", "user_ro"];
  for (const role of roles) {
    for (const db of [a, b]) assert.deepEqual((await db.run(role, "SELECT 1")).rows, [[1]]);
  }
  assert.ok(await most() <= 2);
  assert.equal(budget.open, 2);
  budget.close();
});

Deno.test("many logins of two projects at once stay within the budget", async () => {
  const budget = new ConnectionBudget({ connections: 5, maxWaitMs: 20_000 });
  await using a = await testDatabase({ budget });
  await using b = await testDatabase({ budget });
  const most = sample(a, b);
  const roles: RoleName[] = ["owner", "service_rw", "service_ro", "user_rw", "user_ro"];
  await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    const db = i % 3 === 0 ? a : b;
    const role = roles[i % 5] ?? "owner";
    assert.deepEqual((await db.run(role, `SELECT ${i}`)).rows, [[i]]);
  }));
  assert.ok(await most() <= 5);
  assert.ok(budget.open <= 5);
  budget.close();
});

Deno.test("the budget can shrink and grow while statements run", async () => {
  await using db = await testDatabase({ connections: 8, projectShare: 1 });
  await using slow = await gate(db);
  const running = Array.from({ length: 8 }, () => db.run("service_rw", slow.query));
  while (await db.backends() < 8) await sleep(10);
  db.budget.setLimit(3);
  await slow[Symbol.asyncDispose]();
  await Promise.all(running);
  while (db.budget.open > 3) await sleep(10);
  await Promise.all(Array.from({ length: 20 }, () => db.run("service_rw", "SELECT 1")));
  assert.equal(db.budget.open, 3);
  db.budget.setLimit(6);
  await Promise.all(Array.from({ length: 20 }, () => db.run("service_rw", burn(20))));
  assert.equal(db.budget.open, 6);
});

Deno.test("sessions that nobody used for a while are closed", async () => {
  await using db = await testDatabase({ connections: 4, maxIdleMs: 200 });
  await Promise.all(Array.from({ length: 4 }, () => db.run("service_rw", burn(20))));
  assert.ok(db.budget.open > 1);
  await sleep(500);
  assert.equal(db.budget.open, 0);
  assert.equal(await db.backends(), 0);
});

Deno.test("a database that takes no connection fails the requests that need one, at once", async () => {
  await using db = await testDatabase({ connections: 2 });
  await db.admin.unsafe(`ALTER DATABASE ${db.project.database} ALLOW_CONNECTIONS false`);
  const started = performance.now();
  await Promise.all(
    Array.from(
      { length: 10 },
      () =>
        assert.rejects(db.database.execute(actor("owner"), { query: "SELECT 1" }, AMPLE), {
          code: "DATABASE_UNAVAILABLE",
        }),
    ),
  );
  assert.ok(performance.now() - started < 2_000);
  await db.admin.unsafe(`ALTER DATABASE ${db.project.database} ALLOW_CONNECTIONS true`);
  assert.deepEqual((await db.run("owner", "SELECT 1")).rows, [[1]]);
});
