/**
 * A program as a user of the package writes it: compiled strictly and run on Node by the test of
 * the packing.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { createClient, FluxbaseError, type Row, safe } from "@fluxbase/client";

interface Database {
  Tables: {
    readings: {
      Row: { id: bigint; value: number | null; raw: Uint8Array | null };
      Insert: { id?: bigint; value?: number | null; raw?: Uint8Array | null };
      Update: { id?: bigint; value?: number | null; raw?: Uint8Array | null };
    };
  };
}

const client = createClient<Database>({
  url: process.env["FLUXBASE_URL"] ?? "",
  key: process.env["FLUXBASE_KEY"] ?? "",
});
const { sql } = client;

await sql`create table readings (id int8 primary key, value float8, raw bytea)`;

const raw = Uint8Array.from({ length: 100_000 }, (_, index) => index);
await client.batch([
  sql`insert into readings values (${9223372036854775807n}, ${NaN}, ${raw})`,
  { query: "insert into readings values ($1, $2, $3)", params: [1, -0, null] },
], { isolation: "serializable" });

const rows: Row<Database, "readings">[] = await sql<"readings">`select * from readings order by id`;
assert.deepEqual(rows[1], { id: 9223372036854775807n, value: NaN, raw });
assert.deepEqual(rows[0], { id: 1n, value: -0, raw: null });

// Deno has no setter of this name, Node has.
const [odd] = await sql`select '{"admin": true}'::jsonb as "__proto__"`;
assert.deepEqual(Object.keys(odd ?? {}), ["__proto__"]);
assert.equal(Object.getPrototypeOf(odd), Object.prototype);

const { error } = await safe(client.query("insert into readings values (1)"));
assert.ok(error instanceof FluxbaseError);
assert.equal(error.code, "CONFLICT");
assert.equal(error.sqlstate, "23505");

let sum = 0;
for await (
  const { n } of client.stream<{ n: number }>("select n from generate_series(1, 10000) n")
) {
  sum += n;
  if (n === 5_000) break;
}
assert.equal(sum, 12_502_500);

const schema = await client.describe();
assert.deepEqual(schema.tables.map(({ name }) => name), ["readings"]);

// @ts-expect-error A misspelt column.
rows[0]?.valeu;
// @ts-expect-error A misspelt field of a procedure's input.
assert.rejects(client.trpc.sql.execute.mutate({ querry: "select 1" }));

process.stdout.write(`Node ${process.version}: fine\n`);
