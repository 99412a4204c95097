import assert from "node:assert/strict";
import { startTestApp } from "../testing/app.ts";
import { laneCalls, MAX_BATCH } from "./fast_lane.ts";

/** A parameter that tRPC's adapter passes over and that the lane does not know. */
const BY_ADAPTER = "adapter=1";

const none = new Headers();

Deno.test("the lane takes single and batched posts of the hot procedures, and nothing else", () => {
  assert.deepEqual(laneCalls("sql.execute", none), { paths: ["sql.execute"], batch: false });
  assert.deepEqual(laneCalls("sql.batch", none)?.paths, ["sql.batch"]);
  assert.deepEqual(laneCalls("sql.execute,sql.batch?batch=1", none), {
    paths: ["sql.execute", "sql.batch"],
    batch: true,
  });
  const others = [
    "sql.stream",
    "sql.describe",
    "projects.list",
    "sql.execute/",
    "sql.execute?batch=0",
    "sql.execute,sql.execute",
    "sql.execute,sql.describe?batch=1",
    `sql.execute?${BY_ADAPTER}`,
    `sql.execute?batch=1&${BY_ADAPTER}`,
    `${Array(MAX_BATCH + 1).fill("sql.execute").join(",")}?batch=1`,
    "",
    "?batch=1",
    "__proto__",
  ];
  for (const target of others) assert.equal(laneCalls(target, none), undefined, target);
  for (
    const [name, value] of [["trpc-accept", "application/jsonl"], ["accept", "application/jsonl"]]
  ) {
    const headers = new Headers({ [name as string]: value as string });
    assert.equal(laneCalls("sql.execute?batch=1", headers), undefined);
  }
});

interface Case {
  readonly name: string;
  readonly target: string;
  readonly body: string;
  readonly key?: string;
  readonly status: number;
}

const query = (text: string, params?: unknown[]) => JSON.stringify({ query: text, params });

const CASES: readonly Case[] = [
  {
    name: "rows",
    target: "sql.execute",
    body: query("SELECT $1::int AS a, 'ä\"' b", [7]),
    status: 200,
  },
  { name: "no rows", target: "sql.execute", body: query("SELECT 1 WHERE false"), status: 200 },
  {
    name: "numbers beyond a double",
    target: "sql.execute",
    body: query(`SELECT '[12345678901234567890.5]'::jsonb AS j, 9007199254740993 AS n`),
    status: 200,
  },
  { name: "a syntax error", target: "sql.execute", body: query("SELEC 1"), status: 400 },
  {
    name: "a missing table",
    target: "sql.execute",
    body: query("SELECT * FROM nope"),
    status: 404,
  },
  { name: "a forbidden statement", target: "sql.execute", body: query("COMMIT"), status: 403 },
  { name: "a missing query", target: "sql.execute", body: "{}", status: 400 },
  { name: "a query of another type", target: "sql.execute", body: '{"query":7}', status: 400 },
  {
    name: "a misspelt field",
    target: "sql.execute",
    body: '{"query":"SELECT 1","parms":[]}',
    status: 400,
  },
  {
    name: "a limit out of bounds",
    target: "sql.execute",
    body: '{"query":"SELECT 1","maxRows":0}',
    status: 400,
  },
  {
    name: "a time-out that is not allowed",
    target: "sql.execute",
    body: '{"query":"SELECT 1","timeoutMs":999999999}',
    status: 400,
  },
  { name: "an array as input", target: "sql.execute", body: "[]", status: 400 },
  { name: "null as input", target: "sql.execute", body: "null", status: 400 },
  { name: "no input", target: "sql.execute", body: "", status: 400 },
  {
    name: "a wrong key",
    target: "sql.execute",
    body: query("SELECT 1"),
    key: "flx_sk_wrong",
    status: 401,
  },
  {
    name: "a transaction",
    target: "sql.batch",
    body: JSON.stringify({ statements: [{ query: "SELECT 1 AS a" }, { query: "SELECT 2 AS b" }] }),
    status: 200,
  },
  { name: "an empty transaction", target: "sql.batch", body: '{"statements":[]}', status: 400 },
  {
    name: "a batch",
    target: "sql.execute,sql.execute?batch=1",
    body: '{"0":{"query":"SELECT 1 AS a"},"1":{"query":"SELECT 2 AS b"}}',
    status: 200,
  },
  {
    name: "a batch of one",
    target: "sql.execute?batch=1",
    body: '{"0":{"query":"SELECT 1 AS a"}}',
    status: 200,
  },
  {
    name: "a batch with one failure",
    target: "sql.execute,sql.execute?batch=1",
    body: '{"0":{"query":"SELECT 1 AS a"},"1":{"query":"SELEC 2"}}',
    status: 207,
  },
  {
    name: "a batch of equal failures",
    target: "sql.execute,sql.execute?batch=1",
    body: '{"0":{"query":"SELEC 1"},"1":{"query":"SELEC 2"}}',
    status: 400,
  },
  {
    name: "a batch with a missing input",
    target: "sql.execute,sql.execute?batch=1",
    body: '{"0":{"query":"SELECT 1"}}',
    status: 207,
  },
  {
    name: "a batch without inputs",
    target: "sql.execute,sql.execute?batch=1",
    body: "",
    status: 400,
  },
  { name: "a batch that is no object", target: "sql.execute?batch=1", body: "7", status: 400 },
  { name: "a batch that is null", target: "sql.execute?batch=1", body: "null", status: 400 },
];

Deno.test("the lane answers byte for byte as tRPC's adapter does", async (t) => {
  await using app = await startTestApp();
  const { key } = await app.project("shop");
  const ask = async (target: string, { body, key: other }: Case) => {
    const response = await fetch(`${app.url}/trpc/${target}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-request-id": "compare-1",
        authorization: `Bearer ${other ?? key}`,
      },
      body,
    });
    const headers = Object.fromEntries(response.headers);
    delete headers["date"];
    return { status: response.status, headers, body: await response.text() };
  };
  for (const one of CASES) {
    await t.step(one.name, async () => {
      const lane = await ask(one.target, one);
      const separator = one.target.includes("?") ? "&" : "?";
      const adapter = await ask(`${one.target}${separator}${BY_ADAPTER}`, one);
      assert.deepEqual(lane, adapter);
      assert.equal(lane.status, one.status, lane.body);
    });
  }
});
