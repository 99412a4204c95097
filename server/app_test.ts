import assert from "node:assert/strict";
import { generateAdminKey } from "./access/admin.ts";
import { start } from "./app.ts";
import { ConfigError } from "./config.ts";
import { BUSY_FUNCTION, startTestApp } from "./testing/app.ts";
import { scratchDatabase } from "./testing/postgres.ts";
import { executeSql } from "./testing/rest.ts";

const settled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), new Promise((resolve) => setTimeout(resolve, 0, false))]);

Deno.test("a stopping server finishes what runs and takes nothing new", async () => {
  await using app = await startTestApp();
  const shop = await app.project("shop");
  await executeSql(app.url, shop.key, BUSY_FUNCTION);
  const running = executeSql(app.url, shop.key, "SELECT busy(1000) AS n");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const closed = app.running.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await settled(running), false);
  await assert.rejects(fetch(`${app.url}/healthz`));
  assert.deepEqual((await running).result.rows[0]?.["n"], 7);
  await closed;
});

Deno.test("what runs longer than the grace is ended, and the stop goes on", async () => {
  await using app = await startTestApp({}, { graceMs: 300 });
  const shop = await app.project("shop");
  await executeSql(app.url, shop.key, BUSY_FUNCTION);
  const running = executeSql(app.url, shop.key, "SELECT busy(20000) AS n").then(
    ({ success }) => success,
    () => false,
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const started = performance.now();
  await app.running.close();
  assert.ok(performance.now() - started < 5000);
  assert.equal(await running, false);
});

Deno.test("a stopping server ends streams with an error that says so", async () => {
  await using app = await startTestApp();
  const shop = await app.project("shop");
  const response = await fetch(`${app.url}/trpc/sql.stream?batch=1`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "trpc-accept": "application/jsonl",
      authorization: `Bearer ${shop.key}`,
    },
    body: JSON.stringify({
      0: {
        query: `WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless)
          SELECT n FROM endless`,
      },
    }),
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let reads = 0; reads < 5; reads++) text += (await reader?.read())?.value ?? "";
  assert.match(text, /"columns"/);
  const started = performance.now();
  const closed = app.running.close();
  let end = "";
  for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
    end = (end + piece.value).slice(-2000);
  }
  await closed;
  assert.ok(performance.now() - started < 5000);
  assert.match(end, /SHUTTING_DOWN/);
});

Deno.test("closing twice is closing once", async () => {
  await using app = await startTestApp();
  await Promise.all([app.running.close(), app.running.close()]);
  await app.running.close();
});

Deno.test("a port in use is one clear line, told before anything slow begins", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await assert.rejects(startTestApp({ port }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, new RegExp(`^PORT ${port} is in use on 127\\.0\\.0\\.1: `));
    return true;
  });
});

Deno.test("a database that does not answer is one clear line without its password", async () => {
  const databaseUrl = "postgres://admin:hunter2hunter2@127.0.0.1:1/postgres";
  await assert.rejects(startTestApp({ databaseUrl }), (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /127\.0\.0\.1:1/);
    assert.doesNotMatch(error.message, /hunter2|\n/);
    return true;
  });
});

Deno.test("a certificate that cannot be read is one clear line", async () => {
  const tls = { certFile: "/nonexistent/cert.pem", keyFile: "/nonexistent/key.pem" };
  await assert.rejects(startTestApp({ tls }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /^TLS_CERT names a file that cannot be read: /);
    return true;
  });
});

Deno.test("the first administrator's key holds, until the operator sets another", async () => {
  await using database = await scratchDatabase();
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const config = {
    host: "127.0.0.1",
    port: 0,
    trustedProxies: [],
    corsOrigins: [],
    dataDir: "",
    databaseUrl: database.url,
    dbConnections: 4,
    logLevel: "error",
    logFormat: "json",
  } as const;
  const list = async (url: string, key: string) => {
    const answer = await fetch(`${url}/api/projects`, {
      headers: { authorization: `Bearer ${key}` },
    });
    await answer.body?.cancel();
    return answer.status;
  };
  const [first, second, own] = [generateAdminKey(), generateAdminKey(), generateAdminKey()];

  const one = await start(config, { secret, adminKey: first });
  assert.deepEqual([one.adminKeyHolds, await list(one.url, first)], [true, 200]);
  await one.close();

  const two = await start(config, { secret, adminKey: second });
  assert.deepEqual([two.adminKeyHolds, await list(two.url, second)], [false, 401]);
  assert.equal(await list(two.url, first), 200);
  await two.close();

  const three = await start({ ...config, adminKey: own }, { secret, adminKey: first });
  assert.deepEqual([await list(three.url, own), await list(three.url, first)], [200, 401]);
  await three.close();
});

Deno.test("over TLS the server speaks HTTPS", async () => {
  const folder = await Deno.makeTempDir({ prefix: "fluxbase-tls-" });
  const certFile = `${folder}/cert.pem`;
  const keyFile = `${folder}/key.pem`;
  const made = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(" "),
      ..."-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
        .split(" "),
      ...["-keyout", keyFile, "-out", certFile],
    ],
    stderr: "null",
  }).output();
  assert.ok(made.success);
  try {
    await using app = await startTestApp({ tls: { certFile, keyFile } });
    assert.match(app.url, /^https:/);
    using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(certFile)] });
    const answer = await fetch(`${app.url}/healthz`, { client });
    assert.equal(await answer.text(), '{"status":"ok"}');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("without DATABASE_URL the server runs on its own PostgreSQL and takes it along", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "fluxbase-app-" });
  try {
    await using app = await startTestApp({ dataDir, embedded: true });
    const shop = await app.project("shop");
    const { result } = await executeSql(app.url, shop.key, "SELECT 7 AS n");
    assert.deepEqual(result.rows, [{ n: 7 }]);
    const ready = await fetch(`${app.url}/readyz`);
    assert.deepEqual([ready.status, await ready.text()], [200, '{"status":"ready"}']);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
