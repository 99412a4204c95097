import assert from "node:assert/strict";
import { startTestApp } from "../testing/app.ts";
import { callRest } from "../testing/rest.ts";

const SERVERS = "https://everywhere.example.com";
const SHOPS = "https://shop.example.com";
const STRANGER = "https://evil.example.com";

Deno.test("which pages may call", async (t) => {
  await using app = await startTestApp({ corsOrigins: [SERVERS] });
  const { url, adminKey } = app;
  const shop = await app.project("shop");
  const other = await app.project("other");
  const patch = (id: string, settings: unknown) =>
    callRest(`${url}/api/projects/${id}`, adminKey, "PATCH", { settings });
  await patch("shop", { corsOrigins: [SHOPS] });
  const publishable = await shop.keyWith(["sql:read"], "publishable");
  const othersPublishable = await other.keyWith(["sql:read"], "publishable");
  const reading = await shop.keyWith(["sql:read"]);

  const preflight = async (origin: string, path = "/api/execute-sql") => {
    const response = await fetch(`${url}${path}`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    await response.body?.cancel();
    return response;
  };
  const run = async (key: string, origin: string | undefined, path = "/api/execute-sql") => {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${key}`,
        ...(origin === undefined ? {} : { origin }),
      },
      body: '{"query":"SELECT 1 AS a"}',
    });
    const body = await response.json();
    const error = body.error?.data?.error ?? body.error;
    return { outcome: error?.code ?? "ok", headers: response.headers };
  };

  await t.step("a preflight is answered for the server's origins and any project's", async () => {
    for (const path of ["/api/execute-sql", "/trpc/sql.execute", "/api/projects"]) {
      for (const origin of [SERVERS, SHOPS]) {
        const { status, headers } = await preflight(origin, path);
        assert.equal(status, 204);
        assert.equal(headers.get("access-control-allow-origin"), origin);
        assert.match(headers.get("access-control-allow-headers") ?? "", /authorization/);
        assert.match(headers.get("vary") ?? "", /origin/);
      }
      const refused = await preflight(STRANGER, path);
      assert.equal(refused.headers.get("access-control-allow-origin"), null);
    }
  });

  await t.step("credentials are never allowed, and no origin gets a star", async () => {
    for (const origin of [SERVERS, SHOPS, STRANGER, url, "null"]) {
      const { headers } = await preflight(origin);
      assert.equal(headers.get("access-control-allow-credentials"), null);
      assert.notEqual(headers.get("access-control-allow-origin"), "*");
      const real = await run(publishable, origin);
      assert.equal(real.headers.get("access-control-allow-credentials"), null);
    }
  });

  await t.step("the request itself is held to the project's own list", async () => {
    for (const path of ["/api/execute-sql", "/trpc/sql.execute"]) {
      const matrix: readonly (readonly [string, string | undefined, string])[] = [
        [publishable, SHOPS, "ok"],
        [publishable, SERVERS, "ok"],
        [publishable, STRANGER, "ORIGIN_FORBIDDEN"],
        [publishable, "null", "ORIGIN_FORBIDDEN"],
        [publishable, undefined, "ok"],
        [othersPublishable, SHOPS, "ORIGIN_FORBIDDEN"],
        [othersPublishable, SERVERS, "ok"],
        [reading, SHOPS, "ok"],
        [reading, STRANGER, "ORIGIN_FORBIDDEN"],
        [shop.key, SHOPS, "ORIGIN_FORBIDDEN"],
        [shop.key, SERVERS, "ORIGIN_FORBIDDEN"],
        [shop.key, url, "ok"],
        [shop.key, undefined, "ok"],
      ];
      for (const [key, origin, outcome] of matrix) {
        assert.equal((await run(key, origin, path)).outcome, outcome, `${path} ${key} ${origin}`);
      }
    }
  });

  await t.step("an allowed page can read answers and errors, another cannot", async () => {
    const allowed = await run(publishable, SHOPS);
    assert.equal(allowed.headers.get("access-control-allow-origin"), SHOPS);
    assert.match(allowed.headers.get("access-control-expose-headers") ?? "", /x-request-id/);
    const error = await run("flx_pk_wrong", SHOPS);
    assert.equal(error.outcome, "UNAUTHORIZED");
    assert.equal(error.headers.get("access-control-allow-origin"), SHOPS);
    const stranger = await run(publishable, STRANGER);
    assert.equal(stranger.headers.get("access-control-allow-origin"), null);
  });

  await t.step("a project may allow its secret keys in browsers", async () => {
    await patch("shop", { allowSecretKeysInBrowsers: true });
    assert.equal((await run(shop.key, SHOPS)).outcome, "ok");
    assert.equal((await run(shop.key, STRANGER)).outcome, "ORIGIN_FORBIDDEN");
    await patch("shop", { allowSecretKeysInBrowsers: null });
    assert.equal((await run(shop.key, SHOPS)).outcome, "ORIGIN_FORBIDDEN");
  });

  await t.step("a project that allows every origin allows it for itself alone", async () => {
    await patch("other", { corsOrigins: ["*"] });
    assert.equal((await run(othersPublishable, STRANGER)).outcome, "ok");
    assert.equal((await run(publishable, STRANGER)).outcome, "ORIGIN_FORBIDDEN");
    await patch("other", { corsOrigins: null });
  });

  await t.step("the administrator's key works in the server's own pages only", async () => {
    const list = async (origin: string) => {
      const response = await fetch(`${url}/api/projects`, {
        headers: { origin, authorization: `Bearer ${adminKey}` },
      });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await list(url), 200);
    assert.equal(await list(SERVERS), 403);
    assert.equal(await list(STRANGER), 403);
  });
});
