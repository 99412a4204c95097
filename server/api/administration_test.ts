import assert from "node:assert/strict";
import { startTestApp } from "../testing/app.ts";
import { callRest } from "../testing/rest.ts";

interface Failure {
  readonly success: false;
  readonly error: { readonly code: string; readonly message: string; readonly requestId: string };
}

Deno.test("the administrator's routes", async (t) => {
  await using app = await startTestApp();
  const { url, adminKey } = app;
  const call = <Answer = Failure>(method: string, path: string, body?: unknown, key = adminKey) =>
    callRest<Answer>(`${url}${path}`, key, method, body);
  const shop = await app.project("shop");

  await t.step("a project is shown with its roles and settings, and a key once", async () => {
    assert.match(shop.key, /^flx_sk_/);
    type Shown = { success: true; project: Record<string, unknown> };
    const { status, success, project } = await call<Shown>("GET", "/api/projects/shop");
    assert.deepEqual([status, success], [200, true]);
    assert.equal(project["dialect"], "postgres");
    assert.equal(project["state"], "ready");
    assert.deepEqual(Object.keys(project["roles"] as object).sort(), [
      "loader",
      "owner",
      "service_ro",
      "service_rw",
      "user_ro",
      "user_rw",
    ]);
    assert.ok(!JSON.stringify(project).includes("flx_"));
  });

  await t.step(
    "making a project twice is a conflict, a bad id or dialect a bad request",
    async () => {
      const again = await call("POST", "/api/projects", { id: "shop", dialect: "postgres" });
      assert.deepEqual([again.status, again.error.code], [409, "PROJECT_EXISTS"]);
      const badId = await call("POST", "/api/projects", { id: "No Good", dialect: "postgres" });
      assert.deepEqual([badId.status, badId.error.code], [400, "BAD_REQUEST"]);
      const badDialect = await call("POST", "/api/projects", { id: "other", dialect: "oracle" });
      assert.deepEqual([badDialect.status, badDialect.error.code], [400, "BAD_REQUEST"]);
      assert.match(badDialect.error.message, /at "dialect"/);
      const absent = await call("POST", "/api/projects", { id: "other", dialect: "mysql" });
      assert.deepEqual([absent.status, absent.error.code], [422, "DIALECT_UNAVAILABLE"]);
      const nowhere = await call("POST", "/api/projects", {
        id: "other",
        dialect: "postgres",
        server: "nowhere",
      });
      assert.deepEqual([nowhere.status, nowhere.error.code], [404, "SERVER_NOT_FOUND"]);
    },
  );

  await t.step("settings are patched whole or not at all", async () => {
    type Shown = { project: { settings: Record<string, unknown> } };
    const patched = await call<Shown>("PATCH", "/api/projects/shop", {
      settings: { maxRows: 7, corsOrigins: ["https://app.example.com"] },
    });
    assert.equal(patched.project.settings["maxRows"], 7);
    const refused = await call("PATCH", "/api/projects/shop", {
      settings: { maxRows: 8, maxRowz: 1 },
    });
    assert.deepEqual([refused.status, refused.error.code], [400, "SETTING_INVALID"]);
    const shown = await call<Shown>("GET", "/api/projects/shop");
    assert.equal(shown.project.settings["maxRows"], 7);
    const back = await call<Shown>("PATCH", "/api/projects/shop", {
      settings: { maxRows: null, corsOrigins: null },
    });
    assert.equal(back.project.settings["maxRows"], 10_000);
  });

  await t.step("keys are made, listed without their secret, and revoked", async () => {
    type Made = { success: true; id: string; key: string };
    const made = await call<Made>("POST", "/api/projects/shop/keys", {
      scopes: ["sql:read"],
      kind: "publishable",
      name: "web",
      expiresAt: "2100-01-01T00:00:00+02:00",
    });
    assert.equal(made.status, 201);
    assert.deepEqual(Object.keys(made).sort(), ["id", "key", "status", "success"]);
    type Listed = { keys: { id: string; name: string; scopes: string[]; expiresAt: string }[] };
    const { keys } = await call<Listed>("GET", "/api/projects/shop/keys");
    const listed = keys.find(({ id }) => id === made.id);
    assert.equal(listed?.name, "web");
    assert.equal(listed?.expiresAt, "2099-12-31T22:00:00.000Z");
    assert.ok(!JSON.stringify(keys).includes(made.key.slice(-20)));
    const path = `/api/projects/shop/keys/${made.id}`;
    assert.equal((await call("DELETE", path)).status, 200);
    const again = await call("DELETE", path);
    assert.deepEqual([again.status, again.error.code], [404, "KEY_NOT_FOUND"]);
  });

  await t.step("a key that could never work is refused", async () => {
    const make = (body: unknown) => call("POST", "/api/projects/shop/keys", body);
    for (
      const body of [
        { scopes: [] },
        { scopes: ["sql:everything"] },
        { scopes: ["sql:ddl"], kind: "publishable" },
        { scopes: ["sql:read"], expiresAt: "2001-01-01T00:00:00Z" },
        { scopes: ["sql:read"], expiresAt: "tomorrow" },
        { scopes: ["sql:read"], projectId: "other" },
      ]
    ) {
      const { status, error } = await make(body);
      assert.deepEqual([status, error.code], [400, "BAD_REQUEST"], JSON.stringify(body));
    }
    const { status, error } = await call("POST", "/api/projects/nowhere/keys", {
      scopes: ["sql:read"],
    });
    assert.deepEqual([status, error.code], [404, "PROJECT_NOT_FOUND"]);
  });

  await t.step("only extensions of the list are installed", async () => {
    const extensions = "/api/projects/shop/extensions";
    assert.equal((await call("POST", extensions, { name: "plpython3u" })).status, 403);
    const { error } = await call("POST", extensions, { name: "plpython3u" });
    assert.equal(error.code, "EXTENSION_FORBIDDEN");
  });

  await t.step("the database server is listed without its password, drained and back", async () => {
    type Servers = { servers: { name: string; state: string; host: string }[] };
    const { servers } = await call<Servers>("GET", "/api/servers");
    const [first] = servers;
    assert.equal(first?.state, "active");
    assert.doesNotMatch(JSON.stringify(servers), /:\/\/|@/);
    const path = `/api/servers/${first?.name}`;
    assert.equal((await call("PATCH", path, { state: "draining" })).status, 200);
    const full = await call("POST", "/api/projects", { id: "other", dialect: "postgres" });
    assert.equal(full.success, false);
    assert.equal((await call("PATCH", path, { state: "active" })).status, 200);
    const unknown = await call("PATCH", "/api/servers/nowhere", { state: "active" });
    assert.deepEqual([unknown.status, unknown.error.code], [404, "SERVER_NOT_FOUND"]);
  });

  await t.step(
    "a server that does not answer is not added, and its password is not told",
    async () => {
      const { status, error } = await call("POST", "/api/servers", {
        name: "second",
        dialect: "postgres",
        url: "postgres://admin:hunter2hunter2@127.0.0.1:1/postgres",
      });
      assert.deepEqual([status, error.code], [422, "SERVER_UNSUITABLE"]);
      assert.doesNotMatch(error.message, /hunter2/);
    },
  );

  await t.step("without a key, or with a wrong one, nothing is told", async () => {
    const bare = await fetch(`${url}/api/projects`);
    assert.equal(bare.status, 401);
    assert.equal(bare.headers.get("www-authenticate"), "Bearer");
    assert.equal((await bare.json()).error.code, "UNAUTHORIZED");
    const wrong = await call("GET", "/api/projects", undefined, "flx_admin_wrong");
    assert.deepEqual([wrong.status, wrong.error.code], [401, "UNAUTHORIZED"]);
  });

  await t.step("a project's key opens no administrator's route, and is told so", async () => {
    const routes: readonly (readonly [string, string, unknown?])[] = [
      ["GET", "/api/projects"],
      ["POST", "/api/projects", { id: "mine", dialect: "postgres" }],
      ["GET", "/api/projects/shop"],
      ["PATCH", "/api/projects/shop", { settings: {} }],
      ["DELETE", "/api/projects/shop"],
      ["GET", "/api/projects/shop/keys"],
      ["POST", "/api/projects/shop/keys", { scopes: ["sql:ddl"] }],
      ["DELETE", "/api/projects/shop/keys/abc"],
      ["POST", "/api/projects/shop/extensions", { name: "pg_trgm" }],
      ["GET", "/api/servers"],
      ["POST", "/api/servers", { name: "xx", dialect: "postgres", url: "postgres://a@b/c" }],
      ["PATCH", "/api/servers/default", { state: "draining" }],
    ];
    for (const [method, path, body] of routes) {
      const { status, error } = await call(method, path, body, shop.key);
      assert.deepEqual([status, error.code], [403, "SCOPE_MISSING"], `${method} ${path}`);
      assert.match(error.message, /administrator's key/);
    }
  });

  await t.step("the administrator's key opens no project's data, and is told so", async () => {
    const { status, error } = await call("POST", "/api/execute-sql", { query: "SELECT 1" });
    assert.deepEqual([status, error.code], [403, "SCOPE_MISSING"]);
    assert.match(error.message, /use a key of the project/);
  });

  await t.step("a deleted project answers nothing from the first moment", async () => {
    const gone = await app.project("short-lived");
    assert.equal((await call("DELETE", "/api/projects/short-lived")).status, 200);
    const answer = await call("POST", "/api/execute-sql", { query: "SELECT 1" }, gone.key);
    assert.ok([401, 404, 503].includes(answer.status), `${answer.status}`);
  });
});
