import assert from "node:assert/strict";
import { Health } from "./health.ts";

Deno.test("a server is ready when every check passes, else it names what is missing", async () => {
  const health = new Health();
  health.require("control plane", () => {});
  assert.deepEqual(await health.readiness(), { ready: true, missing: {} });
  health.require("embedded PostgreSQL", () => {
    throw new Error("is not running");
  });
  assert.deepEqual(await health.readiness(), {
    ready: false,
    missing: { "embedded PostgreSQL": "is not running" },
  });
});

Deno.test("a check that hangs counts as missing after two seconds", async () => {
  const health = new Health();
  health.require("queue", () => new Promise(() => {}));
  assert.deepEqual(await health.readiness(), {
    ready: false,
    missing: { queue: "no answer in 2000 ms" },
  });
});

Deno.test("a stopping server is not ready", async () => {
  const health = new Health();
  health.stop();
  assert.deepEqual(await health.readiness(), { ready: false, missing: { server: "is stopping" } });
});
