import assert from "node:assert/strict";
import {
  createTRPCClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  TRPCClientError,
} from "@trpc/client";
import { laneCalls } from "../server/api/fast_lane.ts";
import { startTestApp } from "../server/testing/app.ts";
import type { AppRouter } from "./contract.ts";

Deno.test("the administrator's typed procedures do and refuse what the routes do", async () => {
  await using app = await startTestApp();
  const { url, adminKey } = app;
  const shop = await app.project("shop");

  const client = (key: string) =>
    createTRPCClient<AppRouter>({
      links: [
        httpBatchStreamLink({
          url: `${url}/trpc`,
          headers: { authorization: `Bearer ${key}` },
        }),
      ],
    });
  const admin = client(adminKey);
  const [{ projects }, { project }, { servers }] = await Promise.all([
    admin.projects.list.query(),
    admin.projects.get.query({ id: "shop" }),
    admin.servers.list.query(),
  ]);
  assert.deepEqual([projects.map(({ id }) => id), project.id], [["shop"], "shop"]);
  assert.equal(servers[0]?.state, "active");
  const { id } = await admin.keys.create.mutate({ projectId: "shop", scopes: ["ingest"] });
  const { keys } = await admin.keys.list.query({ projectId: "shop" });
  assert.ok(keys.some((key) => key.id === id));
  await admin.keys.revoke.mutate({ projectId: "shop", keyId: id });
  const changed = await admin.projects.updateSettings.mutate({
    id: "shop",
    settings: { maxRows: 9 },
  });
  assert.equal(changed.project.settings.maxRows, 9);
  await assert.rejects(client(shop.key).projects.list.query(), (error) => {
    assert.ok(error instanceof TRPCClientError);
    assert.deepEqual([error.data.httpStatus, error.data.error.code], [403, "SCOPE_MISSING"]);
    assert.match(error.data.error.requestId, /^[\w-]+$/);
    return true;
  });
  await assert.rejects(admin.projects.get.query({ id: "nowhere" }), (error) => {
    assert.ok(error instanceof TRPCClientError);
    assert.equal(error.data.error.code, "PROJECT_NOT_FOUND");
    return true;
  });
});

/** What a call gave, in a form that can be compared. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return { data: await call };
  } catch (thrown) {
    assert.ok(thrown instanceof TRPCClientError);
    return { message: thrown.message, shape: thrown.shape, data: thrown.data };
  }
}

Deno.test("the unchanged tRPC client cannot tell the fast lane from tRPC's adapter", async () => {
  await using app = await startTestApp();
  const { key } = await app.project("shop");
  const headers = { authorization: `Bearer ${key}`, "x-request-id": "compare-1" };
  const url = `${app.url}/trpc`;
  let byLane = 0;
  const counting: typeof fetch = (input, init) => {
    const address = String(input);
    const target = address.slice(address.indexOf("/trpc/") + "/trpc/".length);
    if (laneCalls(target, new Headers(init?.headers)) !== undefined) byLane++;
    return fetch(input, init);
  };
  // The lane leaves requests with a parameter that it does not know to the adapter.
  const byAdapter: typeof fetch = (input, init) => {
    const address = new URL(input instanceof Request ? input.url : input);
    address.searchParams.append("adapter", "1");
    return fetch(address, init);
  };
  for (const link of [httpLink, httpBatchLink]) {
    const clients = [counting, byAdapter].map((through) =>
      createTRPCClient<AppRouter>({
        links: [link({
          url,
          headers,
          fetch: (input, init) => through(input as string, init as RequestInit),
        })],
      })
    );
    const answers = await Promise.all(clients.map(({ sql }) =>
      Promise.all([
        outcome(sql.execute.mutate({ query: "SELECT $1::int AS a, NULL AS b", params: [1] })),
        outcome(sql.execute.mutate({ query: "SELEC 1" })),
        outcome(sql.execute.mutate({ query: "" })),
        outcome(sql.batch.mutate({ statements: [{ query: "SELECT 1" }, { query: "SELECT 2" }] })),
        outcome(sql.batch.mutate({ statements: [{ query: "SELECT 1" }, { query: "SELEC 2" }] })),
      ])
    ));
    const [lane, adapter] = answers;
    assert.deepEqual(lane, adapter);
    assert.equal(byLane, link === httpLink ? 5 : 1);
    byLane = 0;
    assert.deepEqual((lane?.[0] as { data: { rows: unknown } }).data.rows, [[1, null]]);
  }
});

Deno.test("a stream comes in chunks through the unchanged tRPC client, and ends with its sum", async () => {
  await using app = await startTestApp();
  const { key } = await app.project("shop");
  const client = createTRPCClient<AppRouter>({
    links: [
      httpBatchStreamLink({ url: `${app.url}/trpc`, headers: { authorization: `Bearer ${key}` } }),
    ],
  });
  const query = "SELECT n, repeat('x', 100) AS filler FROM generate_series(1, 50000) AS n";
  let rows = 0;
  const kinds: string[] = [];
  for await (const chunk of await client.sql.stream.mutate({ query })) {
    if ("rows" in chunk) rows += chunk.rows.length;
    else kinds.push(Object.keys(chunk).join());
    if ("done" in chunk) assert.deepEqual(chunk.done, { rowCount: 50_000, command: "SELECT" });
  }
  assert.deepEqual([rows, kinds], [50_000, ["columns", "done"]]);
  const failing = async () => {
    for await (const _ of await client.sql.stream.mutate({ query: "SELECT 1/0" })) { /* none */ }
  };
  await assert.rejects(failing, (error) => {
    assert.ok(error instanceof TRPCClientError);
    assert.equal(error.data?.error?.sqlstate, "22012");
    return true;
  });
});
