/**
 * A process of its own that runs the embedded PostgreSQL, for tests that kill it. Says one line of
 * JSON once PostgreSQL runs; on SIGINT it drains for a moment, asks PostgreSQL once more, and stops.
 *
 * Arguments: the data folder, and a statement to leave running.
 */
import postgres from "postgres";
import { startEmbedded } from "../databases/embedded/embedded.ts";

const [folder = "", busy] = Deno.args;
const say = (value: unknown) => Deno.stdout.writeSync(new TextEncoder().encode(`${value}\n`));
const server = await startEmbedded({
  folder,
  log: (level, message) => level === "debug" || say(message),
  progress: say,
});
const sql = postgres({ host: server.socketFolder, user: "postgres", max: 2, onnotice: () => {} });
const [row] = await sql`SELECT pg_backend_pid() AS backend`;
if (busy !== undefined) sql.unsafe(busy).catch(() => {});
await sql`SELECT 1`;
Deno.addSignalListener("SIGINT", async () => {
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [still] = await sql`SELECT 1 AS one`;
  const pid = server.pid();
  await sql.end({ timeout: 0 });
  await server.stop();
  say(JSON.stringify({ drained: still?.["one"], pid }));
  Deno.exit(0);
});
say(JSON.stringify({ pid: server.pid(), socketFolder: server.socketFolder, ...row }));
