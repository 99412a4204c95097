import assert from "node:assert/strict";
import { familyOf, licencesPage, parseLockKey } from "./licences.ts";

const ROOT = new URL("../", import.meta.url);

Deno.test("the list of third-party licences is fresh and every licence is accepted", async () => {
  const { text, refused } = await licencesPage();
  assert.deepEqual(refused, []);
  assert.equal(
    await Deno.readTextFile(new URL("THIRD_PARTY_LICENCES.md", ROOT)),
    text,
    'Run "deno run -A tools/licences.ts"',
  );
});

Deno.test("lock keys and platform families are read as the lock file writes them", () => {
  assert.deepEqual(parseLockKey("@trpc/client@11.25.2_typescript@6.0.3"), {
    name: "@trpc/client",
    version: "11.25.2",
    folder: "@trpc+client@11.25.2",
  });
  assert.equal(
    familyOf("@rolldown/binding-linux-x64-gnu"),
    "@rolldown/binding-* (platform builds)",
  );
  assert.equal(familyOf("lightningcss-darwin-arm64"), "lightningcss-* (platform builds)");
  assert.equal(familyOf("detect-libc"), "detect-libc");
});

Deno.test("the lock file holds no download address of a registry", async () => {
  const lock = await Deno.readTextFile(new URL("deno.lock", ROOT));
  assert.doesNotMatch(lock, /"tarball"|https?:\/\//);
});
