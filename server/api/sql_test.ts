import assert from "node:assert/strict";
import postgres from "postgres";
import { BUSY_FUNCTION, startTestApp } from "../testing/app.ts";
import { postgresUrl } from "../testing/postgres.ts";
import { callRest, executeSql } from "../testing/rest.ts";

Deno.test("SQL over REST", async (t) => {
  await using app = await startTestApp();
  const { url } = app;
  const shop = await app.project("shop");
  const post = (key: string, body: unknown) =>
    fetch(`${url}/api/execute-sql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });
  await executeSql(
    url,
    shop.key,
    "CREATE TABLE users (id int PRIMARY KEY, name text, active bool)",
  );
  await executeSql(
    url,
    shop.key,
    "INSERT INTO users VALUES (1, 'Alice', true), (2, 'Bob', false), (3, 'Carol', true)",
  );

  assert.equal((await executeSql(url, shop.key, BUSY_FUNCTION)).status, 200);

  await t.step("the documented request gets the documented answer, to the byte", async () => {
    const answer = await post(shop.key, {
      query: "SELECT id, name FROM users WHERE active = true ORDER BY id LIMIT 5",
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.equal(
      await answer.text(),
      '{"success":true,"result":{"rows":[{"id":1,"name":"Alice"},{"id":3,"name":"Carol"}],' +
        '"columns":["id","name"],"types":["int4","text"],"rowCount":2,"command":"SELECT"}}',
    );
  });

  await t.step("parameters are bound, never text", async () => {
    const { result } = await executeSql(url, shop.key, "SELECT $1::text AS t, $2::int8 AS n", [
      "'; DROP TABLE users; --",
      "9223372036854775807",
    ]);
    assert.deepEqual(result.rows, [{ t: "'; DROP TABLE users; --", n: "9223372036854775807" }]);
  });

  await t.step("a number beyond a double arrives with all its digits", async () => {
    const response = await fetch(`${url}/api/execute-sql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${shop.key}` },
      body: '{"query":"SELECT $1::int8 AS n","params":[9223372036854775807]}',
    });
    assert.match(await response.text(), /"n":"9223372036854775807"/);
  });

  await t.step("equal column names survive as arrays, __proto__ as an object", async () => {
    const arrays = await (await post(shop.key, {
      query: "SELECT 1 AS a, 2 AS a",
      rowMode: "array",
    })).json();
    assert.deepEqual(arrays.result.rows, [[1, 2]]);
    const objects = await (await post(shop.key, { query: 'SELECT 1 AS "__proto__"' })).text();
    assert.ok(objects.includes('"rows":[{"__proto__":1}]'), objects);
  });

  await t.step(
    "limits of the call cut the rows and say so, limits of the project hold",
    async () => {
      const cut = await (await post(shop.key, {
        query: "SELECT generate_series(1, 100) AS n",
        maxRows: 3,
      })).json();
      assert.deepEqual([cut.result.rows.length, cut.result.truncated], [3, true]);
      await callRest(`${url}/api/projects/shop`, app.adminKey, "PATCH", {
        settings: { maxRows: 5 },
      });
      const held = await (await post(shop.key, {
        query: "SELECT generate_series(1, 100) AS n",
        maxRows: 50,
      })).json();
      assert.deepEqual([held.result.rows.length, held.result.truncated], [5, true]);
      await callRest(`${url}/api/projects/shop`, app.adminKey, "PATCH", {
        settings: { maxRows: null },
      });
    },
  );

  await t.step(
    "errors keep what the database says, with the position in the text as sent",
    async () => {
      const { status, error } = await executeSql(url, shop.key, "SELECT * FORM users");
      assert.deepEqual([status, error.code, error.sqlstate, error.position], [
        400,
        "QUERY_SYNTAX",
        "42601",
        10,
      ]);
      const duplicate = await executeSql(
        url,
        shop.key,
        "INSERT INTO users VALUES (1, 'Eve', true)",
      );
      assert.deepEqual([duplicate.status, duplicate.error.code, duplicate.error.sqlstate], [
        409,
        "CONFLICT",
        "23505",
      ]);
      const late = await (await post(shop.key, {
        query: "SELECT busy(5000)",
        timeoutMs: 100,
      })).json();
      assert.equal(late.error.code, "QUERY_TIMEOUT");
    },
  );

  await t.step("scopes decide", async () => {
    const reading = await shop.keyWith(["sql:read"]);
    assert.equal((await executeSql(url, reading, "SELECT 1")).status, 200);
    const write = await executeSql(url, reading, "DELETE FROM users");
    assert.deepEqual([write.status, write.error.code], [403, "QUERY_FORBIDDEN"]);
    const ingesting = await shop.keyWith(["ingest"]);
    const none = await executeSql(url, ingesting, "SELECT 1");
    assert.deepEqual([none.status, none.error.code], [403, "SCOPE_MISSING"]);
  });

  await t.step("a revoked key is refused within a second", async () => {
    type Made = { id: string; key: string };
    const keys = `${url}/api/projects/shop/keys`;
    const { id, key } = await callRest<Made>(keys, app.adminKey, "POST", { scopes: ["sql:read"] });
    assert.equal((await executeSql(url, key, "SELECT 1")).status, 200);
    await callRest(`${keys}/${id}`, app.adminKey, "DELETE");
    assert.equal((await executeSql(url, key, "SELECT 1")).status, 401);
  });
});

Deno.test("a client that goes away takes its statement along", async () => {
  await using app = await startTestApp();
  const { url } = app;
  const shop = await app.project("shop");
  await executeSql(url, shop.key, BUSY_FUNCTION);
  const admin = postgres(postgresUrl(), { max: 1 });
  try {
    for (const path of ["/api/execute-sql", "/trpc/sql.execute", "/trpc/sql.execute?adapter=1"]) {
      const mark = `mark_${crypto.randomUUID().replaceAll("-", "")}`;
      const running = async () => {
        const rows = await admin`SELECT FROM pg_stat_activity
          WHERE state = 'active' AND strpos(query, ${mark}) > 0 AND pid <> pg_backend_pid()`;
        return rows.length;
      };
      const leaving = new AbortController();
      const sent = fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${shop.key}` },
        body: JSON.stringify({ query: `SELECT busy(20000) AS ${mark}` }),
        signal: leaving.signal,
      });
      await until(async () => await running() === 1, 5000);
      leaving.abort();
      await assert.rejects(sent);
      await until(async () => await running() === 0, 1000);
    }
  } finally {
    await admin.end();
  }
});

async function until(condition: () => Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!await condition()) {
    assert.ok(performance.now() < deadline, `not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
