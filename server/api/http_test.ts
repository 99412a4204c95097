import assert from "node:assert/strict";
import { startTestApp } from "../testing/app.ts";

Deno.test("what every answer has, whatever the route", async (t) => {
  await using app = await startTestApp({ corsOrigins: ["https://trusted.example.com"] }, {
    maxBodyBytes: 1000,
    playground: "/nonexistent",
  });
  const { url } = app;
  const { key } = await app.project("shop");
  const authorization = `Bearer ${key}`;
  const json = { "content-type": "application/json", authorization };
  const post = (path: string, body: BodyInit, headers: Record<string, string> = json) =>
    fetch(`${url}${path}`, { method: "POST", headers, body });
  const codeOf = async (response: Response) => {
    const { error } = await response.json();
    return error.code;
  };

  await t.step("a request id is made, or taken over when it is sane", async () => {
    for (
      const path of ["/", "/api/openapi.json", "/healthz", "/readyz", "/api/nothing", "/trpc/x"]
    ) {
      const made = await fetch(`${url}${path}`);
      await made.body?.cancel();
      assert.match(made.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/, path);
      const taken = await fetch(`${url}${path}`, { headers: { "x-request-id": "trace:1.a_b-c" } });
      await taken.body?.cancel();
      assert.equal(taken.headers.get("x-request-id"), "trace:1.a_b-c", path);
    }
    for (const insane of ["a b", '"', "x".repeat(129), "-starts", "ä"]) {
      const answer = await fetch(`${url}/healthz`, {
        headers: { "x-request-id": encodeURI(insane) === insane ? insane : `${insane.length}<` },
      });
      await answer.body?.cancel();
      assert.match(answer.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/, insane);
    }
  });

  await t.step("an error's body holds the id of its header", async () => {
    const answer = await post("/api/execute-sql", "{}");
    const { error } = await answer.json();
    assert.equal(error.requestId, answer.headers.get("x-request-id"));
  });

  await t.step(
    "an unknown route is a 404, a wrong method a 405 that names the right ones",
    async () => {
      const unknown = await fetch(`${url}/api/nothing`);
      assert.deepEqual([unknown.status, await codeOf(unknown)], [404, "ROUTE_NOT_FOUND"]);
      const wrong = await fetch(`${url}/api/execute-sql`);
      assert.equal(wrong.headers.get("allow"), "POST");
      assert.deepEqual([wrong.status, await codeOf(wrong)], [405, "METHOD_NOT_ALLOWED"]);
      const many = await fetch(`${url}/api/projects/shop`, { method: "PUT" });
      assert.equal(many.headers.get("allow"), "GET, DELETE, PATCH");
      await many.body?.cancel();
      const elsewhere = await fetch(`${url}/somewhere`, { method: "POST" });
      assert.deepEqual([elsewhere.status, await codeOf(elsewhere)], [404, "ROUTE_NOT_FOUND"]);
    },
  );

  await t.step("a procedure that is not there is a 404 in tRPC's shape", async () => {
    const answer = await post("/trpc/sql.nothing", "{}");
    assert.equal(answer.status, 404);
    assert.equal((await answer.json()).error.data.error.code, "ROUTE_NOT_FOUND");
  });

  await t.step("the body limit holds with and without a length, on both faces", async () => {
    const large = JSON.stringify({ query: "x".repeat(1000) });
    for (const path of ["/api/execute-sql", "/trpc/sql.execute", "/trpc/sql.stream?batch=1"]) {
      for (const body of [large, new Blob([large]).stream()]) {
        const answer = await post(path, body);
        assert.equal(answer.status, 413, path);
        const { error } = await answer.json();
        assert.equal((error.data?.error ?? error).code, "BODY_TOO_LARGE", path);
      }
    }
  });

  await t.step(
    "JSON that nests too deep is refused before it is parsed, on both faces",
    async () => {
      const deep = `{"query":"SELECT 1","params":[${"[".repeat(100)}${"]".repeat(100)}]}`;
      for (const path of ["/api/execute-sql", "/trpc/sql.execute", "/trpc/sql.stream"]) {
        const answer = await post(path, deep);
        assert.equal(answer.status, 400, path);
        const { error } = await answer.json();
        assert.equal((error.data?.error ?? error).code, "JSON_TOO_DEEP", path);
      }
      const input = encodeURIComponent("[".repeat(100));
      const get = await fetch(`${url}/trpc/sql.describe?input=${input}`, { headers: json });
      assert.equal((await get.json()).error.data.error.code, "JSON_TOO_DEEP");
    },
  );

  await t.step("a body that is not JSON, by type or by content, is refused", async () => {
    const typed = await post("/api/execute-sql", "{}", {
      authorization,
      "content-type": "text/plain",
    });
    assert.deepEqual([typed.status, await codeOf(typed)], [415, "UNSUPPORTED_MEDIA_TYPE"]);
    const form = await post("/trpc/sql.execute", "a=b", {
      authorization,
      "content-type": "application/x-www-form-urlencoded",
    });
    assert.equal(form.status, 415);
    await form.body?.cancel();
    for (const body of ["", "{", "nonsense", '{"query":1}', "[]", "null", '{"query":""}']) {
      const answer = await post("/api/execute-sql", body);
      assert.deepEqual([answer.status, await codeOf(answer)], [400, "BAD_REQUEST"], body);
    }
  });

  await t.step("more parameters than PostgreSQL can take are refused", async () => {
    await using wide = await startTestApp();
    const project = await wide.project("wide");
    const body = JSON.stringify({ query: "SELECT 1", params: Array(65_536).fill(null) });
    const answer = await fetch(`${wide.url}/api/execute-sql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${project.key}` },
      body,
    });
    assert.equal(answer.status, 400);
    const { error } = await answer.json();
    assert.deepEqual([error.code, /params/.test(error.message)], ["BAD_REQUEST", true]);
  });

  await t.step("a request with a user's token is refused, never run without it", async () => {
    for (const path of ["/api/execute-sql", "/trpc/sql.execute"]) {
      const answer = await post(path, '{"query":"SELECT 1"}', { ...json, "x-user-jwt": "a.b.c" });
      assert.equal(answer.status, 401, path);
      const { error } = await answer.json();
      const wire = error.data?.error ?? error;
      assert.equal(wire.code, "UNAUTHORIZED");
      assert.match(wire.message, /Project "shop" has no JWT verification configured/);
    }
  });

  await t.step("an administrator's call with a user's token is refused too", async () => {
    const answer = await fetch(`${url}/api/projects`, {
      headers: { authorization: `Bearer ${app.adminKey}`, "x-user-jwt": "a.b.c" },
    });
    assert.deepEqual([answer.status, await codeOf(answer)], [401, "UNAUTHORIZED"]);
  });

  await t.step("the health routes need no key", async () => {
    const alive = await fetch(`${url}/healthz`);
    assert.deepEqual([alive.status, await alive.json()], [200, { status: "ok" }]);
    const ready = await fetch(`${url}/readyz`);
    assert.deepEqual([ready.status, await ready.json()], [200, { status: "ready" }]);
  });

  await t.step("metrics count by templates and codes, hold no key, and are local", async () => {
    await (await post("/api/execute-sql", '{"query":"SELECT 1 FROM"}')).body?.cancel();
    await (await fetch(`${url}/api/projects/some-random-id`, { headers: json })).body?.cancel();
    const answer = await fetch(`${url}/metrics`);
    assert.equal(answer.status, 200);
    const text = await answer.text();
    const shows = (pattern: RegExp) => assert.ok(pattern.test(text), String(pattern));
    shows(/http_requests_total\{route="\/api\/projects\/:id",method="GET",status="403"\}/);
    shows(/sql_statements_total\{class="none",outcome="[A-Z_]+"\}/);
    shows(/process_resident_memory_bytes \d+/);
    assert.ok(!/some-random-id|flx_|trpc\/x/.test(text));
    const relayed = await fetch(`${url}/metrics`, { headers: { "x-forwarded-for": "127.0.0.1" } });
    assert.equal(relayed.status, 401);
    await relayed.body?.cancel();
  });

  await t.step("the documentation is served as it is made", async () => {
    const { openapiText } = await import("./openapi.ts");
    const answer = await fetch(`${url}/api/openapi.json`);
    assert.equal(await answer.text(), openapiText());
  });

  await t.step("without a build the page says how to make one", async () => {
    const answer = await fetch(url);
    assert.match(await answer.text(), /deno task build/);
  });
});

Deno.test("with a token set, metrics are for its holder from anywhere and for nobody else", async () => {
  const token = "a-token-of-more-than-24-characters";
  await using app = await startTestApp({ metricsToken: token });
  const get = async (authorization?: string) => {
    const headers: HeadersInit = authorization === undefined ? {} : { authorization };
    const answer = await fetch(`${app.url}/metrics`, { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  assert.equal(await get(), 401);
  assert.equal(await get("Bearer wrong"), 401);
  assert.equal(await get(`Bearer ${app.adminKey}`), 401);
  assert.equal(await get(`Bearer ${token}`), 200);
});

Deno.test("the sign-in code of a start is exchanged once for the prepared project's key", async () => {
  await using app = await startTestApp({}, {
    prepare: () => Promise.resolve({ projectId: "demo", key: "flx_sk_of_the_demo" }),
  });
  const exchange = async (code: unknown) => {
    const answer = await fetch(`${app.url}/api/sign-in`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    return { status: answer.status, text: await answer.text() };
  };
  assert.equal((await exchange("wrong")).status, 401);
  assert.deepEqual(await exchange(app.running.signInCode), {
    status: 200,
    text: '{"success":true,"projectId":"demo","key":"flx_sk_of_the_demo"}',
  });
  assert.equal((await exchange(app.running.signInCode)).status, 401);
  assert.equal((await exchange(7)).status, 400);
  for (let attempt = 0; attempt < 10; attempt++) await exchange("wrong");
  const limited = await fetch(`${app.url}/api/sign-in`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"code":"wrong"}',
  });
  assert.deepEqual([limited.status, limited.headers.get("retry-after")], [429, "60"]);
  await limited.body?.cancel();
});
