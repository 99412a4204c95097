// deno-lint-ignore-file no-console -- this is a command line
/**
 * `deno task bench`: each figure beside its yardstick, in turn, in one run on one machine, as a
 * ratio with its goal. An absolute figure of a shared machine means nothing.
 *
 *     deno task bench [--seconds 3] [--rounds 5] [--only rest]
 *
 * @module
 */
import { parseArgs } from "node:util";
import postgres from "postgres";
import { createProject, rowsOf } from "../testing/rest.ts";
import { startServerProcess, temporaryFolder } from "../testing/server_process.ts";
import { CLIENTS, load, type LoadResult, type Request } from "./load.ts";

interface Row {
  readonly area: string;
  readonly goal: number;
  readonly subject: Request;
  readonly yardstick: Request;
}

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
  },
});

const QUERY = "SELECT id, name, price, made, tags FROM thing WHERE id = $1";
const TABLE = [
  `CREATE TABLE thing (id int PRIMARY KEY, name text, price numeric(8, 2), made timestamptz,
   tags jsonb)`,
  `INSERT INTO thing SELECT n, 'thing ' || n, n / 10.0, now(), jsonb_build_array(n, n % 7)
   FROM generate_series(1, 10000) n`,
];

/** The same query in the forms of the three handlers. */
const body = JSON.stringify({ query: QUERY, params: [4711] });

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function compare(row: Row): Promise<void> {
  const subject: LoadResult[] = [];
  const yardstick: LoadResult[] = [];
  const seconds = Number(options.seconds);
  await load(row.yardstick, seconds);
  await load(row.subject, seconds);
  for (let round = 0; round < Number(options.rounds); round++) {
    yardstick.push(await load(row.yardstick, seconds));
    subject.push(await load(row.subject, seconds));
  }
  const ratios = subject.map((one, at) =>
    one.requestsPerSecond / (yardstick[at]?.requestsPerSecond ?? NaN)
  );
  const ratio = median(ratios);
  const show = (results: readonly LoadResult[]) =>
    `${Math.round(median(results.map((one) => one.requestsPerSecond)))}/s ` +
    `(p50 ${median(results.map((one) => one.p50)).toFixed(2)} ms, ` +
    `p99 ${median(results.map((one) => one.p99)).toFixed(2)} ms)`;
  console.log(
    `${row.area}: ${ratio.toFixed(2)} of the yardstick ` +
      `(${Math.min(...ratios).toFixed(2)}-${
        Math.max(...ratios).toFixed(2)
      } over ${ratios.length} ` +
      `rounds); goal ${row.goal}: ${ratio >= row.goal ? "met" : "MISSED"}\n` +
      `  Fluxbase ${show(subject)}\n  yardstick ${show(yardstick)}`,
  );
}

/** Starts the hand-written handler on a database of its own with the same table. */
async function startBareHandler(host: string) {
  const admin = postgres({ host, user: "postgres", database: "postgres", max: 1 });
  await admin.unsafe("CREATE DATABASE bench_bare");
  await admin.end();
  const sql = postgres({ host, user: "postgres", database: "bench_bare", max: 1 });
  for (const statement of TABLE) await sql.unsafe(statement);
  await sql.end();
  const handler = new URL("./bare_handler.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", handler, host, "bench_bare"],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value: address = "" } = await reader.read();
  return {
    url: address.trim(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await reader.cancel();
    },
  };
}

await using folder = await temporaryFolder();
await using fluxbase = await startServerProcess({
  dataFolder: folder.path,
  env: { LOG_LEVEL: "warning" },
});
// Both reach the same PostgreSQL by the same socket.
await using bare = await startBareHandler(`${folder.path}/postgres/socket`);
const project = await createProject(fluxbase.url, await fluxbase.secretFile("admin-key"), "bench");
for (const statement of TABLE) await rowsOf(fluxbase.url, project.key, statement);
const key = await project.keyWith(["sql:read"]);

const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
const yardstick: Request = { url: bare.url, headers, body };
const rows: readonly Row[] = [
  {
    area: "sql.execute, REST",
    goal: 0.75,
    subject: { url: `${fluxbase.url}/api/execute-sql`, headers, body },
    yardstick,
  },
  {
    area: "sql.execute, the tRPC client's wire",
    goal: 0.5,
    subject: { url: `${fluxbase.url}/trpc/sql.execute`, headers, body },
    yardstick,
  },
];

const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
console.log(
  `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores, ${memory} GiB; the embedded ` +
    `PostgreSQL, the server and the load (wrk, ${CLIENTS} clients) on the same machine; one prepared ` +
    `point query of 5 columns; done means that the JSON answer has arrived. The yardstick is a ` +
    `hand-written Deno.serve handler on postgres.js with ${CLIENTS} connections`,
);
for (const row of rows) {
  if (options.only === undefined || row.area.toLowerCase().includes(options.only)) {
    await compare(row);
  }
}
