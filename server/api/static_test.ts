import assert from "node:assert/strict";
import { join } from "node:path";
import { playgroundApp } from "./static.ts";

/** A build as the playground's is laid out. */
async function build(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "fluxbase-static-" });
  await Deno.mkdir(join(folder, "assets"));
  await Deno.writeTextFile(join(folder, "index.html"), "<!doctype html><title>Playground</title>");
  await Deno.writeTextFile(join(folder, "assets", "index-a1b2c3.js"), `// ${"x".repeat(5000)}`);
  await Deno.writeTextFile(join(folder, "..", `${folder.split("/").pop()}.secret`), "outside");
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await Deno.remove(`${folder}.secret`);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const get = async (folder: string, path: string, headers: Record<string, string> = {}) =>
  await playgroundApp(folder).fetch(new Request(`http://localhost${path}`, { headers }));

Deno.test("the page is served at / and at any path of no file, revalidated each time", async () => {
  await using built = await build();
  for (const path of ["/", "/tables/users"]) {
    const response = await get(built.folder, path);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /Playground/);
    assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
    assert.equal(response.headers.get("cache-control"), "no-cache");
  }
});

Deno.test("an unchanged page costs a 304", async () => {
  await using built = await build();
  const first = await get(built.folder, "/");
  await first.body?.cancel();
  const again = await get(built.folder, "/", { "if-none-match": first.headers.get("etag") ?? "" });
  assert.equal(again.status, 304);
});

Deno.test("hashed files are kept for ever, compressed where the browser takes it", async () => {
  await using built = await build();
  const path = "/assets/index-a1b2c3.js";
  const response = await get(built.folder, path, { "accept-encoding": "gzip" });
  assert.equal(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.ok((await response.bytes()).length < 1000);
});

Deno.test("a hashed file that is gone is a 404, not the page", async () => {
  await using built = await build();
  const response = await get(built.folder, "/assets/index-gone.js");
  assert.equal(response.status, 404);
  assert.notEqual(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
  await response.body?.cancel();
});

Deno.test("no path leaves the folder", async () => {
  await using built = await build();
  const name = `${built.folder.split("/").pop()}.secret`;
  for (const path of [`/..%2f${name}`, `/%2e%2e/${name}`, `/assets/..%2f..%2f${name}`]) {
    const response = await get(built.folder, path);
    assert.doesNotMatch(await response.text(), /outside/, path);
  }
});

Deno.test("the page runs its own files only: no inline script, no inline style, no frame", async () => {
  await using built = await build();
  const response = await get(built.folder, "/");
  await response.body?.cancel();
  const policy = response.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.match(policy, /style-src 'self'(;|$)/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.equal(response.headers.get("referrer-policy"), "no-referrer");
});

Deno.test("without a build a text says how to make one", async () => {
  const response = await get("/nonexistent/dist", "/");
  assert.equal(response.status, 503);
  assert.match(await response.text(), /deno task build/);
});
