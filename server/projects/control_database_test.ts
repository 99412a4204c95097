import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { throwAwayPostgres } from "../databases/embedded/throw_away.ts";
import { Semaphore } from "../databases/semaphore.ts";
import { connectPostgres, TEST_SECRET, until } from "../testing/control_plane.ts";
import { scratchDatabase } from "../testing/postgres.ts";
import { ControlDatabase } from "./control_database.ts";
import type { ControlQuery } from "./control_sql.ts";
import { openControlPlane } from "./control_plane.ts";

async function scratch() {
  const made = await scratchDatabase();
  const database = new ControlDatabase(made.url);
  await database.sql`CREATE TABLE public.t (n int)`;
  return {
    database,
    numbers: async () =>
      (await database.sql<{ n: number }[]>`SELECT n FROM public.t ORDER BY n`).map(({ n }) => n),
    async [Symbol.asyncDispose]() {
      await database.close();
      await made[Symbol.asyncDispose]();
    },
  };
}

const backendOf = async (tx: ControlQuery): Promise<number> =>
  (await tx<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`)[0]?.pid ?? 0;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a transaction counts as a whole or not at all", async () => {
  await using it = await scratch();
  equal(
    await it.database.transaction(async (tx) => {
      await tx`INSERT INTO public.t VALUES (1)`;
      await tx`INSERT INTO public.t VALUES (2)`;
      return "done";
    }),
    "done",
  );
  await rejects(
    it.database.transaction(async (tx) => {
      await tx`INSERT INTO public.t VALUES (3)`;
      throw new Error("Changed my mind");
    }),
    /Changed my mind/,
  );
  await rejects(
    it.database.transaction(async (tx) => {
      await tx`INSERT INTO public.t VALUES (4)`;
      await tx`SELECT 1 / 0`;
    }),
    /division by zero/,
  );
  deepEqual(await it.numbers(), [1, 2]);
});

Deno.test("fifty transactions at once take turns on few connections", async () => {
  await using it = await scratch();
  const backends = new Set<number>();
  let [running, most] = [0, 0];
  await Promise.all(Array.from({ length: 50 }, (_, n) =>
    it.database.transaction(async (tx) => {
      most = Math.max(most, ++running);
      backends.add(await backendOf(tx));
      await tx`INSERT INTO public.t VALUES (${n})`;
      running--;
    })));
  equal((await it.numbers()).length, 50);
  ok(most <= 2);
});

for (const when of ["while a statement runs", "between two statements"]) {
  Deno.test(`a connection lost ${when} fails its transaction and nothing else`, async () => {
    await using it = await scratch();
    let backend = 0;
    const failed = it.database.transaction(async (tx) => {
      await tx`INSERT INTO public.t VALUES (1)`;
      backend = await backendOf(tx);
      if (when === "while a statement runs") await tx`SELECT pg_sleep(5)`;
      else await sleep(500);
      await tx`INSERT INTO public.t VALUES (2)`;
    }).then(() => "counted", (error) => error.code);
    await until(() => backend !== 0, 2_000);
    await it.database.sql`SELECT pg_terminate_backend(${backend})`;
    equal(await failed, "DATABASE_UNAVAILABLE");
    // What the driver's own transaction does here ends the process a moment later.
    await sleep(200);
    deepEqual(await it.numbers(), []);
    await it.database.transaction(async (tx) => {
      await tx`INSERT INTO public.t VALUES (5)`;
    });
    deepEqual(await it.numbers(), [5]);
  });
}

Deno.test("a session that was lost sends nothing any more, on whatever connection", async () => {
  await using it = await scratch();
  await using session = it.database.session("test");
  const backend = await backendOf(session.query);
  await it.database.sql`SELECT pg_terminate_backend(${backend})`;
  await until(() => session.lost, 2_000);
  await rejects(async () => await session.query`INSERT INTO public.t VALUES (1)`, /was lost/);
  await rejects(
    async () => await session.query.unsafe("INSERT INTO public.t VALUES (2)"),
    /was lost/,
  );
  deepEqual(await it.numbers(), []);
});

Deno.test("a control plane whose PostgreSQL is killed fails its calls, then goes on by itself", async () => {
  await using server = await throwAwayPostgres();
  const plane = await openControlPlane({
    url: server.url,
    secret: TEST_SECRET,
    connectServer: connectPostgres,
  });
  const failed = plane.transaction(async (tx) => {
    await tx`SELECT pg_sleep(5)`;
  }).then(() => "counted", (error) => error.code);
  await sleep(200);
  Deno.kill(server.pid(), "SIGKILL");
  equal(await failed, "DATABASE_UNAVAILABLE");
  await until(() => plane.ping().then(() => true, () => false), 20_000);
  await until(() => plane.changes.fresh(performance.now()), 5_000);
  equal((await plane.createProject({ id: "shop", dialect: "postgres" })).state, "ready");
  await plane.close();
});

Deno.test("a semaphore lets its number in, in order, and frees places of failures", async () => {
  const semaphore = new Semaphore(2);
  const order: number[] = [];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 6 }, (_, n) =>
      semaphore.run(async () => {
        order.push(n);
        await sleep(1);
        if (n % 2 === 0) throw new Error("Even");
      })),
  );
  deepEqual(order, [0, 1, 2, 3, 4, 5]);
  equal(outcomes.filter(({ status }) => status === "fulfilled").length, 3);
});
