/**
 * The yardstick of `sql.execute`: what somebody would write by hand, `Deno.serve` and postgres.js,
 * without keys, limits, walls or types. Prints its address when it listens.
 *
 *     deno run -A server/bench/bare_handler.ts <socket folder> <database>
 *
 * It has a connection for each of the load's clients. With fewer the driver would queue statements
 * behind each other on one connection, which makes it slower the longer it runs (the queue is never
 * empty then, and its array only grows), and one slow statement would hold up the others.
 *
 * @module
 */
import postgres from "postgres";
import { CLIENTS } from "./load.ts";

const [host = "", database = ""] = Deno.args;
const sql = postgres({ host, database, user: "postgres", max: CLIENTS });

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => {
    Deno.stdout.writeSync(new TextEncoder().encode(`http://127.0.0.1:${port}\n`));
  },
}, async (request) => {
  const { query, params } = await request.json();
  const rows = await sql.unsafe(query, params, { prepare: true });
  return Response.json({ success: true, result: { rows } });
});
