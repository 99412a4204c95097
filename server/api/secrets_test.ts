import assert from "node:assert/strict";
import { startTestApp } from "../testing/app.ts";
import { callRest, executeSql } from "../testing/rest.ts";

Deno.test("no secret that passes through the server is in its log, metrics or errors", async () => {
  const lines: string[] = [];
  const told: string[] = [];
  const secrets: string[] = [];
  {
    await using app = await startTestApp({ logLevel: "debug" }, {
      log: (line) => lines.push(line),
    });
    const { url, adminKey } = app;
    const shop = await app.project("shop");
    const reading = await shop.keyWith(["sql:read"]);
    const password = "hunter2-in-a-url";
    const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWFsaWNl";
    const parameter = "a parameter that is nobody's business";
    secrets.push(adminKey, shop.key, reading, password, token, parameter);

    const send = async (path: string, key: string, body: unknown, more = {}) => {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...more },
        body: JSON.stringify(body),
      });
      told.push(await response.text());
    };
    for (const path of ["/api/execute-sql", "/trpc/sql.execute", "/trpc/sql.execute?adapter=1"]) {
      await send(path, shop.key, { query: "SELECT 1" });
      await send(path, reading, { query: "DELETE FROM nothing" });
      await send(path, `${reading.slice(0, -1)}_`, { query: "SELECT 1" });
      await send(path, adminKey, { query: "SELECT 1" });
      await send(path, shop.key, { query: "SELECT $1::int", params: [parameter] });
      await send(path, shop.key, { query: "SELECT 1" }, { "x-user-jwt": token });
      await send(path, shop.key, { query: 1, key: adminKey });
    }
    await send("/api/servers", adminKey, {
      name: "second",
      dialect: "postgres",
      url: `postgres://admin:${password}@127.0.0.1:1/postgres`,
    });
    await callRest(`${url}/api/projects/shop/keys`, adminKey, "GET");
    await executeSql(url, shop.key, "SELECT 1");
    told.push(await (await fetch(`${url}/metrics`)).text());
    // The parameter is the caller's own: an error may say it to the caller, no log may keep it.
    for (const secret of secrets) {
      const toCaller = told.filter((text) => text.includes(secret) && secret !== parameter);
      assert.deepEqual(toCaller, [], secret);
    }
  }
  assert.ok(lines.length > 20, `${lines.length} lines`);
  for (const secret of secrets) {
    assert.deepEqual(lines.filter((line) => line.includes(secret)), [], secret);
  }
});
