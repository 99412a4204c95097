import assert from "node:assert/strict";
import { heldBytes } from "../../testing/memory.ts";
import net from "node:net";
import { actor, AMPLE, noWall, testDatabase } from "../../testing/postgres_database.ts";
import { postgresUrl } from "../../testing/postgres.ts";
import { ConnectionBudget } from "./connect.ts";
import { PostgresDatabase } from "./database.ts";

/** Passes everything on, what the server says in pieces of `size` bytes. */
async function choppingProxy(size: number): Promise<AsyncDisposable & { readonly url: string }> {
  const target = new URL(postgresUrl());
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect({ host: target.hostname, port: Number(target.port) });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", async (chunk: Uint8Array) => {
      upstream.pause();
      for (let at = 0; at < chunk.length; at += size) {
        client.write(chunk.slice(at, at + size));
        // A turn of the loop, so that the pieces do not meet again on the way.
        await new Promise((resolve) => setTimeout(resolve));
      }
      upstream.resume();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const url = new URL(target);
  url.port = String(address.port);
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const size of [1, 5, 7]) {
  Deno.test(`answers that come in pieces of ${size} bytes are understood`, async () => {
    await using db = await testDatabase();
    await using proxy = await choppingProxy(size);
    const { address, placement } = db.project;
    const budget = new ConnectionBudget({ connections: 1, projectShare: 1 });
    const database = new PostgresDatabase({
      address: { ...address, adminUrl: proxy.url },
      placement,
      validator: noWall,
      budget,
      admin: db.admin,
    });
    const query = "SELECT n, 'row ' || n AS text FROM generate_series(1, $1::int4) AS n";
    for (let round = 0; round < 3; round++) {
      const limits = { ...AMPLE, maxRows: 5 };
      const cut = await database.execute(actor("owner"), { query, params: [7] }, limits);
      assert.equal(cut.rows.length, 5);
      assert.equal(cut.truncated, true);
      const whole = await database.execute(actor("owner"), { query, params: [3] }, AMPLE);
      assert.deepEqual(whole.rows, [[1, "row 1"], [2, "row 2"], [3, "row 3"]]);
      await assert.rejects(
        database.execute(actor("owner"), { query: "SELECT 1 FROM nix" }, AMPLE),
        { code: "QUERY_UNDEFINED" },
      );
    }
    await database.close();
    budget.close();
  });
}

Deno.test("a huge row that nobody may have is not listened to", async () => {
  await using db = await testDatabase();
  const limits = { ...AMPLE, maxBytes: 1 << 20 };
  await db.run("service_ro", "SELECT 1");
  const before = heldBytes();
  let peak = 0;
  const timer = setInterval(() => peak = Math.max(peak, heldBytes()), 5);
  for (const role of ["service_ro", "owner"] as const) {
    const query = "SELECT repeat('x', 240000000)";
    await assert.rejects(db.database.execute(actor(role), { query }, limits), {
      code: "ROW_TOO_LARGE",
    });
    // Rows before it are answered.
    const second = "SELECT CASE n WHEN 3 THEN repeat('x', 240000000) ELSE 'small' END " +
      "FROM (VALUES (1), (2), (3), (4)) AS v (n)";
    const cut = await database(role, second);
    assert.deepEqual(cut.rows, [["small"], ["small"]]);
    assert.equal(cut.truncated, true);
  }
  clearInterval(timer);
  // Less than one such row, though the pieces that passed by count until they are collected.
  assert.ok(peak - before < 230e6, `Memory grew by ${peak - before} bytes`);
  assert.deepEqual((await db.run("owner", "SELECT 1")).rows, [[1]]);

  function database(role: "service_ro" | "owner", query: string) {
    return db.database.execute(actor(role), { query }, limits);
  }
});

Deno.test("a huge row of a write is dropped, and the write carried out", async () => {
  await using db = await testDatabase();
  await db.run("owner", "CREATE TABLE t (id int)");
  const limits = { ...AMPLE, maxBytes: 1 << 20 };
  const query = "INSERT INTO t VALUES (1) RETURNING repeat('x', 100000000)";
  await assert.rejects(db.database.execute(actor("service_rw"), { query }, limits), {
    code: "ROW_TOO_LARGE",
    message: /the statement was carried out/,
  });
  assert.deepEqual((await db.run("owner", "SELECT count(*)::int4 FROM t")).rows, [[1]]);
});

Deno.test("a notice of 100 MB and the rows around it are no burden", async () => {
  await using db = await testDatabase();
  await db.run(
    "owner",
    `CREATE FUNCTION shout() RETURNS int LANGUAGE plpgsql AS $$
     BEGIN RAISE NOTICE '%', repeat('x', 100000000); RETURN 1; END $$`,
  );
  const before = heldBytes();
  assert.deepEqual((await db.run("owner", "SELECT shout()")).rows, [[1]]);
  // The pieces that passed by are counted until they are collected; joined they would be twice that.
  assert.ok(heldBytes() - before < 150e6);
});

Deno.test("an error report of 2 MB ends the session, not the request without a word", async () => {
  await using db = await testDatabase();
  await db.run(
    "owner",
    `CREATE FUNCTION burst() RETURNS int LANGUAGE plpgsql AS $$
     BEGIN RAISE EXCEPTION '%', repeat('x', 2000000); END $$`,
  );
  await assert.rejects(db.run("owner", "SELECT burst()"), { code: "QUERY_RAISED" });
  assert.deepEqual((await db.run("owner", "SELECT 1")).rows, [[1]]);
});
