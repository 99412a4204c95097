import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { packageFiles, packClient } from "./packing/package.ts";
import { startTestApp } from "../server/testing/app.ts";

const CLIENT = import.meta.dirname ?? "";
const ROOT = dirname(CLIENT);

/** A folder of its own, removed when the scope ends. */
async function temporaryFolder() {
  const path = await Deno.makeTempDir({ prefix: "fluxbase-pack-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Runs a program to its end; throws with what it printed unless it succeeds. */
async function run(
  command: string,
  args: string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, env }).output();
  const text = new TextDecoder();
  assert.equal(
    code,
    0,
    `${command} ${args.join(" ")}\n${text.decode(stdout)}${text.decode(stderr)}`,
  );
  return text.decode(stdout);
}

/** Compiled once for the tests that only look. */
let files: Awaited<ReturnType<typeof packageFiles>>;
Deno.test.beforeAll(async () => {
  files = await packageFiles(ROOT);
});

Deno.test("the package holds the client and nothing of the server", () => {
  const modules = ["bytes", "client", "errors", "links", "mod", "parameters", "rows", "sql"];
  modules.push("stream", "transport");
  assert.deepEqual(
    [...files.keys()].sort(),
    [
      "LICENSE",
      "README.md",
      ...[...modules, "contract", "database_types"].map((name) => `dist/${name}.d.ts`),
      ...modules.map((name) => `dist/${name}.js`),
      "package.json",
    ].sort(),
  );
  const imported = new Set<string>();
  for (const [path, text] of files) {
    if (!path.startsWith("dist/")) continue;
    assert.doesNotMatch(text, /\bzod\b|\bpostgres\.Sql\b|from "postgres"|Deno\./, path);
    for (const [, specifier = ""] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      if (specifier.startsWith("./")) {
        const target = specifier.replace(/\.js$/, path.endsWith(".d.ts") ? ".d.ts" : ".js");
        assert.ok(files.has(`dist/${target.slice(2)}`), `${path} imports ${specifier}`);
      } else imported.add(specifier);
    }
  }
  imported.delete("@fluxbase/client");
  assert.deepEqual([...imported].sort(), ["@trpc/client", "@trpc/server", "@trpc/server/rpc"]);
});

Deno.test("package.json names the licence, the exports and tRPC of the workspace's versions", async () => {
  const { catalog } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const manifest = JSON.parse(files.get("package.json") ?? "");
  assert.equal(manifest.name, "@fluxbase/client");
  assert.equal(manifest.license, "Apache-2.0");
  assert.equal(manifest.sideEffects, false);
  assert.equal(manifest.exports["."].types, "./dist/mod.d.ts");
  assert.deepEqual(manifest.dependencies, {
    "@trpc/client": catalog["@trpc/client"],
    "@trpc/server": catalog["@trpc/server"],
  });
});

Deno.test("the same sources give the same tarball", async () => {
  await using first = await temporaryFolder();
  await using second = await temporaryFolder();
  const tarballs = [await packClient(ROOT, first.path), await packClient(ROOT, second.path)];
  const [one, two] = await Promise.all(tarballs.map((path) => Deno.readFile(path)));
  assert.match(tarballs[0] ?? "", /\/fluxbase-client-\d+\.\d+\.\d+\.tgz$/);
  assert.deepEqual(one, two);
});

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  target: "es2022",
};

/** Settings by name. tRPC's own declarations need the "dom" library, which is there by default. */
const PROJECTS = {
  nodenext: { ...STRICT, module: "nodenext", types: ["node"], outDir: "out" },
  bundler: {
    ...STRICT,
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["es2023", "dom", "dom.iterable"],
    types: ["node"],
    noEmit: true,
  },
};

Deno.test("a fresh Node and TypeScript project installs, compiles and runs the package", async (t) => {
  await using project = await temporaryFolder();
  const { path } = project;
  const tarball = await packClient(ROOT, path);
  const { catalog } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  await Deno.writeTextFile(join(path, "package.json"), '{ "type": "module", "private": true }');
  await Deno.copyFile(join(CLIENT, "testing", "consumer", "main.ts"), join(path, "main.ts"));

  await t.step("npm installs it with tRPC and nothing else", async () => {
    const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
    await run("npm", ["install", ...flags, tarball], path);
    await run(
      "npm",
      ["install", ...flags, `typescript@${catalog.typescript}`, "@types/node@24"],
      path,
    );
    const lock = JSON.parse(await Deno.readTextFile(join(path, "package-lock.json")));
    assert.deepEqual(Object.keys(lock.packages).sort(), [
      "",
      "node_modules/@fluxbase/client",
      "node_modules/@trpc/client",
      "node_modules/@trpc/server",
      "node_modules/@types/node",
      "node_modules/typescript",
      "node_modules/undici-types",
    ]);
  });

  for (const [name, compilerOptions] of Object.entries(PROJECTS)) {
    await t.step(`it compiles strictly as ${name}, its own declarations checked`, async () => {
      const file = join(path, `tsconfig.${name}.json`);
      await Deno.writeTextFile(file, JSON.stringify({ compilerOptions, files: ["main.ts"] }));
      await run("node", ["node_modules/typescript/bin/tsc", "-p", file], path);
    });
  }

  await t.step("it runs on Node against a server", async () => {
    await using app = await startTestApp();
    const { key } = await app.project("shop");
    const env = { FLUXBASE_URL: app.url, FLUXBASE_KEY: key };
    assert.match(await run("node", ["out/main.js"], path, env), /^Node v\d+\.\d+\.\d+: fine\n$/);
  });
});
