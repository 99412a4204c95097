import assert from "node:assert/strict";
import { until } from "../../testing/control_plane.ts";
import { newPlacement } from "../../testing/postgres_project.ts";
import { type ThrowAwayPostgres, throwAwayPostgres } from "../embedded/throw_away.ts";
import { connectAdmin, errorCode, inDatabase } from "./admin.ts";
import { PostgresServer } from "./server.ts";
import { BLUEPRINT, type Blueprint } from "./template/steps.ts";
import { majorVersion, templateName } from "./template/template.ts";

const addressOf = ({ url }: ThrowAwayPostgres) => ({
  adminUrl: url,
  rolePassword: (name: string) => name,
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A blueprint whose template is not there yet. */
const newBlueprint = (sql: string): Blueprint => ({
  ...BLUEPRINT,
  steps: [...BLUEPRINT.steps, { name: "more", sql: `${sql}; -- ${crypto.randomUUID()}` }],
});

/** `done` or the error's code; fails the test when it takes longer than seconds. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  const begun = performance.now();
  const outcome = await call.then(() => "done", (error) => `${errorCode(error) ?? error}`);
  assert.ok(performance.now() - begun < 5_000, "took longer than seconds");
  return outcome;
}

/** Calls again until it is done; meanwhile the database may be unavailable and nothing else. */
async function finish(call: () => Promise<unknown>): Promise<void> {
  await until(async () => {
    const outcome = await outcomeOf(call());
    if (outcome !== "done") assert.equal(outcome, "DATABASE_UNAVAILABLE");
    return outcome === "done";
  }, 15_000);
}

Deno.test("whatever is under way when PostgreSQL is killed fails as unavailable, and is finished by the next call", async () => {
  await using postgres = await throwAwayPostgres();
  const outcomes: string[] = [];
  let server: PostgresServer | undefined;
  const placement = newPlacement();
  const acts = [
    (it: PostgresServer) => it.prepare(),
    (it: PostgresServer) => it.create(placement),
    (it: PostgresServer) => it.installExtension(placement, "citext"),
    (it: PostgresServer) => it.drop(placement),
  ];
  for (const delay of [5, 20]) {
    await server?.close();
    server = new PostgresServer(addressOf(postgres), { blueprint: newBlueprint("SELECT 1") });
    for (const act of acts) {
      const it = server;
      // Connected, so that the delay is of the work itself.
      await until(() => it.inspect().then(() => true, () => false), 15_000);
      const outcome = outcomeOf(act(it));
      await sleep(delay);
      Deno.kill(postgres.pid(), "SIGKILL");
      outcomes.push(await outcome);
      await finish(() => act(it));
    }
  }
  await server?.close();
  assert.deepEqual(new Set(outcomes), new Set(["done", "DATABASE_UNAVAILABLE"]));
  const lost = outcomes.filter((outcome) => outcome !== "done").length;
  assert.ok(lost >= 4, `${lost} of ${outcomes.length} calls were under way`);
});

Deno.test("a creation whose PostgreSQL is killed between two steps is finished by the next call", async () => {
  await using postgres = await throwAwayPostgres();
  let deadly: string | undefined;
  const server = new PostgresServer(addressOf(postgres), {
    onStep: (step) => {
      if (step !== deadly) return;
      deadly = undefined;
      Deno.kill(postgres.pid(), "SIGKILL");
    },
  });
  const placement = newPlacement();
  deadly = "reachable";
  assert.equal(await outcomeOf(server.create(placement)), "DATABASE_UNAVAILABLE");
  await finish(() => server.create(placement));
  await server.close();
});

Deno.test("a process whose connections are cut at any moment lives on and goes on", async () => {
  await using postgres = await throwAwayPostgres();
  const { token } = newPlacement();
  const admin = connectAdmin(addressOf(postgres));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      new URL("../../testing/provision_again.ts", import.meta.url).pathname,
      postgres.url,
      token,
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const complaints = new Response(child.stderr).text();
  const ended = child.status.then(async ({ code }) => {
    throw new Error(`It ended with code ${code}: ${await complaints}`);
  });
  ended.catch(() => {});
  const done = () => said.split("done").length - 1;
  const goesOn = async () => {
    const before = done();
    await Promise.race([until(() => done() > before + 1, 15_000), ended]);
  };
  await goesOn();
  for (let cut = 0; cut < 25; cut++) {
    await sleep(20 + 4 * cut);
    await admin`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND application_name = 'fluxbase'`;
  }
  await goesOn();
  const { length } = said;
  Deno.kill(postgres.pid(), "SIGKILL");
  await Promise.race([until(() => /DATABASE_UNAVAILABLE/.test(said.slice(length)), 5_000), ended]);
  await goesOn();
  child.kill("SIGKILL");
  await Promise.all([reading, complaints, child.status]);
  await admin.end({ timeout: 1 });
  const outcomes = new Set(said.trim().split("\n").map((line) => line.split(" ")[1]));
  assert.deepEqual(outcomes, new Set(["done", "DATABASE_UNAVAILABLE"]));
});

Deno.test("a template is not marked as finished by a process that has lost its lock", async () => {
  await using postgres = await throwAwayPostgres();
  const address = addressOf(postgres);
  const blueprint = newBlueprint("SELECT pg_catalog.pg_sleep(0.5)");
  const server = new PostgresServer(address, { blueprint });
  const making = outcomeOf(server.prepare());
  const admin = connectAdmin(address);
  await until(async () => {
    const lost = await admin`
      SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l, pg_stat_activity AS inside
      WHERE l.relation = 'pg_shseclabel'::regclass AND l.mode = 'ShareUpdateExclusiveLock'
        AND inside.query LIKE '%pg_sleep(0.5)%'
        AND inside.datname LIKE 'fluxbase_template%'`;
    return lost.length > 0;
  }, 5_000);
  assert.equal(await making, "DATABASE_UNAVAILABLE");
  const name = await templateName(blueprint, await majorVersion(admin));
  const [row] = await admin`SELECT datistemplate FROM pg_database WHERE datname = ${name}`;
  assert.deepEqual(row, { datistemplate: false });
  await finish(() => server.prepare());
  await admin.end();
  await server.close();
});

Deno.test("a transaction whose failed statement nobody minded is not taken for committed", async () => {
  await using postgres = await throwAwayPostgres();
  await inDatabase(addressOf(postgres), undefined, async (connection) => {
    const transaction = connection.transaction(async (query) => {
      await query.unsafe("CREATE TABLE public.t ()");
      await query.unsafe("SELECT 1 / 0").catch(() => {});
    });
    await assert.rejects(transaction, /statement of the transaction had failed/);
  });
});
