import assert from "node:assert/strict";
import { openStream, type StreamChunk } from "./stream.ts";
import { serve, serveStream } from "./testing/wire.ts";
import { transportOf } from "./transport.ts";

const open = (url: string, signal?: AbortSignal) =>
  openStream(transportOf({ url, key: "k" }), "sql.stream", { query: "q" }, signal);

async function afterHalfASecond<T>(look: () => T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, 500));
  return look();
}

const COLUMNS: StreamChunk = { columns: [{ name: "n", type: "int4" }] };
const DONE: StreamChunk = { done: { rowCount: 2, command: "SELECT" } };

Deno.test("a stream of tRPC's own adapter is read chunk by chunk, pings and slow chunks included", async () => {
  let received: unknown;
  await using server = serveStream(async function* (input) {
    received = input;
    yield COLUMNS;
    yield { rows: [[1], ["ü\n"]] };
    await new Promise((resolve) => setTimeout(resolve, 200));
    yield { rows: [["x".repeat(300_000)]] };
    yield DONE;
  });
  const chunks = await Array.fromAsync(open(server.url));
  assert.deepEqual(received, { query: "q" });
  assert.deepEqual(chunks, [
    COLUMNS,
    { rows: [[1], ["ü\n"]] },
    { rows: [["x".repeat(300_000)]] },
    DONE,
  ]);
});

Deno.test("a slow loop holds the server back instead of filling memory", async () => {
  let sent = 0;
  await using server = serveStream(async function* () {
    for (; sent < 2_000; sent++) yield { rows: [["x".repeat(100_000)]] };
  });
  const stream = open(server.url);
  for (let taken = 0; taken < 3; taken++) await stream.next();
  const settledAt = await afterHalfASecond(() => sent);
  assert.ok(settledAt < 200, `${settledAt} chunks of 100 kB were sent for three that were taken`);
  assert.equal(await afterHalfASecond(() => sent), settledAt);
  await stream.return();
});

Deno.test("leaving the loop ends the statement on the server", async () => {
  const ended = Promise.withResolvers<void>();
  await using server = serveStream(async function* (_input, signal) {
    signal.addEventListener("abort", () => ended.resolve());
    yield COLUMNS;
    while (!signal.aborted) {
      yield { rows: [[1]] };
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  for await (const chunk of open(server.url)) if ("rows" in chunk) break;
  await ended.promise;
});

Deno.test("an abort ends the loop with the signal's reason, before, during and between chunks", async () => {
  await using server = serveStream(async function* (_input, signal) {
    yield COLUMNS;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  await assert.rejects(open(server.url, AbortSignal.abort()).next(), { name: "AbortError" });

  const during = new AbortController();
  const stream = open(server.url, during.signal);
  await stream.next();
  setTimeout(() => during.abort(), 20);
  await assert.rejects(stream.next(), { name: "AbortError" });

  const between = open(server.url, AbortSignal.timeout(20));
  await between.next();
  await new Promise((resolve) => setTimeout(resolve, 40));
  await assert.rejects(between.next(), { name: "TimeoutError" });
});

Deno.test("a stream that stops without its end is an error and never a short result", async () => {
  const lines = [
    '{"0":[[0],[null,0,0]]}',
    '[0,0,[[{"result":0}],["result",0,1]]]',
    '[1,0,[[{"data":0}],["data",0,2]]]',
    "[2,0,[[0],[null,1,3]]]",
    '[3,1,[[{"columns":[]}]]]',
  ];
  for (let count = 0; count <= lines.length; count++) {
    await using server = serve(() =>
      new Response(lines.slice(0, count).map((line) => line + "\n").join(""), {
        headers: { "content-type": "application/json" },
      })
    );
    await assert.rejects(Array.fromAsync(open(server.url)), {
      name: "FluxbaseError",
      code: "NETWORK",
      message: "The stream broke off before its end",
    });
  }
});
