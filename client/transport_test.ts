import assert from "node:assert/strict";
import { createClient } from "./client.ts";
import { serve } from "./testing/wire.ts";
import { transportOf } from "./transport.ts";

const RESULT = { columns: [], rows: [], rowCount: 0, command: "SELECT", truncated: false };
const answer = () => Response.json({ result: { data: RESULT } });

Deno.test("token and headers are asked for at each request", async () => {
  const seen: [string | null, string | null, string | null][] = [];
  await using server = serve(({ headers }) => {
    seen.push([headers.get("authorization"), headers.get("x-user-jwt"), headers.get("x-trace")]);
    return answer();
  });
  let calls = 0;
  const client = createClient({
    url: server.url,
    key: "flux_key",
    token: () => Promise.resolve(calls === 1 ? "jwt-1" : undefined),
    headers: () => ({ "x-trace": String(++calls), authorization: "Bearer other" }),
  });
  await client.query("select 1");
  await client.query("select 1");
  assert.deepEqual(seen, [
    ["Bearer flux_key", "jwt-1", "1"],
    ["Bearer flux_key", null, "2"],
  ]);
});

Deno.test("what a token function throws comes out as it was thrown", async () => {
  const failure = new TypeError("Signed out");
  const client = createClient({
    url: "http://127.0.0.1:9",
    key: "k",
    token: () => Promise.reject(failure),
  });
  await assert.rejects(client.query("select 1"), failure);
  await assert.rejects(client.stream("select 1").next(), failure);
});

Deno.test("a server that cannot be reached is a NETWORK error that may be tried again", async () => {
  const closed = serve(answer);
  await closed[Symbol.asyncDispose]();
  const client = createClient({ url: closed.url, key: "k" });
  const expected = { name: "FluxbaseError", code: "NETWORK", retryable: true };
  await assert.rejects(client.query("select 1"), expected);
  await assert.rejects(client.stream("select 1").next(), expected);
});

Deno.test("a proxy's page and a redirect are NETWORK errors that say what came", async () => {
  let elsewhere = 0;
  await using other = serve(() => {
    elsewhere++;
    return answer();
  });
  let response = () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  await using server = serve(() => response());
  const client = createClient({ url: server.url, key: "k" });
  await assert.rejects(client.query("select 1"), {
    code: "NETWORK",
    retryable: true,
    message: /not a Fluxbase server's \(HTTP 502, "text\/plain/,
  });
  response = () => Response.redirect(other.url, 307);
  await assert.rejects(client.query("select 1"), { code: "NETWORK", message: /HTTP 307/ });
  response = () => Response.json({ error: { message: "no", code: -1 } }, { status: 404 });
  await assert.rejects(client.query("select 1"), { code: "NETWORK", message: /check the URL/ });
  assert.equal(elsewhere, 0);
});

Deno.test("an answer that breaks off is a NETWORK error", async () => {
  await using server = serve(() =>
    new Response('{"result":{"da', { headers: { "content-type": "application/json" } })
  );
  const client = createClient({ url: server.url, key: "k" });
  await assert.rejects(client.query("select 1"), { code: "NETWORK" });
});

Deno.test("an aborted call rejects with the signal's reason", async () => {
  await using server = serve(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return answer();
  });
  const client = createClient({ url: server.url, key: "k" });
  const controller = new AbortController();
  const running = client.sql`select pg_sleep(60)`.with({ signal: controller.signal });
  setTimeout(() => controller.abort(), 30);
  await assert.rejects(running, { name: "AbortError" });
  await assert.rejects(running.safe(), { name: "AbortError" });
  await assert.rejects(client.query("select 1", [], { signal: AbortSignal.timeout(30) }), {
    name: "TimeoutError",
  });
});

Deno.test("URLs keep their path, and what is none is refused", () => {
  const url = (url: string) => transportOf({ url, key: "k" }).url;
  assert.equal(url("https://db.example.org"), "https://db.example.org/trpc");
  assert.equal(url("https://example.org/db//?x=1"), "https://example.org/db/trpc");
  assert.throws(() => url("db.example.org"), /Cannot use "db.example.org" as the server's URL/);
  assert.throws(() => url("file:///tmp"), /protocol "file:"/);
});

Deno.test("a key that cannot be one is refused and not quoted", () => {
  for (const key of ["", "secret\n", "sécret", undefined]) {
    assert.throws(
      () => transportOf({ url: "http://a.example", key: key as string }),
      (error) => error instanceof TypeError && !error.message.includes("cret"),
    );
  }
});
