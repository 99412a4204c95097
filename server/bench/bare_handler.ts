/**
 * The yardstick of `sql.execute`: what somebody would write by hand, `Deno.serve` and postgres.js,
 * without keys, limits, walls or types. Prints its address when it listens.
 *
 *     deno run -A server/bench/bare_handler.ts <database url>
 *
 * @module
 */
import postgres from "postgres";

const sql = postgres(Deno.args[0] ?? "", { max: 8 });

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
