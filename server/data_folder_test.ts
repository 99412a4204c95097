import { deepStrictEqual, notStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "./config.ts";
import { DataFolder } from "./data_folder.ts";

async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "fluxbase-folder-" });
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("the folder and its secrets are closed to everyone else", () =>
  withFolder(async (parent) => {
    const folder = await DataFolder.open(join(parent, "data"));
    await folder.platformSecret();
    await folder.write("demo-key", "flx_demo");
    strictEqual(await modeOf(folder.path), 0o700);
    strictEqual(await modeOf(folder.pathOf("secret")), 0o600);
    strictEqual(await modeOf(folder.pathOf("demo-key")), 0o600);
  }));

Deno.test("a secret is made once and read from then on", () =>
  withFolder(async (path) => {
    const folder = await DataFolder.open(path);
    const first = await folder.platformSecret();
    strictEqual(first.length, 32);
    deepStrictEqual(await (await DataFolder.open(path)).platformSecret(), first);
    const made = await folder.readOrMake("admin-key", () => "one");
    const found = await folder.readOrMake("admin-key", () => "two");
    deepStrictEqual([made, found], [{ text: "one", made: true }, { text: "one", made: false }]);
  }));

Deno.test("processes that make a secret at once agree on one", () =>
  withFolder(async (path) => {
    const results = await Promise.all(Array.from({ length: 20 }, async (_, at) => {
      const folder = await DataFolder.open(path);
      return await folder.readOrMake("admin-key", () => `key ${at}`);
    }));
    strictEqual(new Set(results.map(({ text }) => text)).size, 1);
    strictEqual(results.filter(({ made }) => made).length, 1);
    deepStrictEqual([...Deno.readDirSync(path)].map(({ name }) => name), ["admin-key"]);
  }));

Deno.test("a secret that others may read is closed when it is read", () =>
  withFolder(async (path) => {
    const folder = await DataFolder.open(path);
    await folder.write("admin-key", "key");
    await Deno.chmod(folder.pathOf("admin-key"), 0o644);
    strictEqual(await folder.read("admin-key"), "key");
    strictEqual(await modeOf(folder.pathOf("admin-key")), 0o600);
  }));

Deno.test("a damaged secret stops the start in one line and is not replaced", () =>
  withFolder(async (path) => {
    const folder = await DataFolder.open(path);
    for (const damaged of ["", "c2hvcnQ="]) {
      await Deno.writeTextFile(folder.pathOf("secret"), damaged);
      await rejects(folder.platformSecret(), (thrown) => {
        strictEqual(thrown instanceof ConfigError, true);
        notStrictEqual((thrown as Error).message.includes("c2hv"), true);
        return true;
      });
      strictEqual(await Deno.readTextFile(folder.pathOf("secret")), damaged);
    }
  }));

Deno.test("a folder that cannot be made names its variable", () =>
  withFolder(async (path) => {
    await Deno.writeTextFile(join(path, "file"), "");
    await rejects(
      DataFolder.open(join(path, "file", "data")),
      /^ConfigError: FLUXBASE_DATA_DIR is/,
    );
  }));
