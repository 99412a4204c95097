/**
 * The npm package of the client: its files, its `package.json`, its tarball.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { compileClient, type Files } from "./compile.ts";

/** What the package may depend on, and its types import. */
const DEPENDENCIES = ["@trpc/client", "@trpc/server"];

interface Workspace {
  readonly catalog: Readonly<Record<string, string>>;
}
interface Member {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** Every file of the package, by its path within. `root` is the workspace's folder. */
export async function packageFiles(root: string): Promise<Files> {
  const client = join(root, "client");
  const workspace: Workspace = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  const member: Member = JSON.parse(await Deno.readTextFile(join(client, "deno.json")));
  const files: Files = new Map();
  files.set("package.json", JSON.stringify(manifest(member, workspace), null, 2) + "\n");
  files.set("README.md", await Deno.readTextFile(join(client, "README.md")));
  files.set("LICENSE", await Deno.readTextFile(join(root, "LICENSE")));
  for (const [path, text] of compileClient(client, new Set(DEPENDENCIES))) {
    files.set(`dist/${path}`, text);
  }
  return files;
}

function manifest({ name, version, license }: Member, { catalog }: Workspace): object {
  return {
    name,
    version,
    description: "Typed client of Fluxbase: SQL over HTTP with exact values, streams and tRPC",
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: {
      ".": { types: "./dist/mod.d.ts", default: "./dist/mod.js" },
      "./package.json": "./package.json",
    },
    main: "./dist/mod.js",
    types: "./dist/mod.d.ts",
    files: ["dist"],
    // The versions of tRPC's two packages belong together, exactly.
    dependencies: Object.fromEntries(DEPENDENCIES.map((name) => [name, versionOf(name, catalog)])),
  };
}

function versionOf(name: string, catalog: Workspace["catalog"]): string {
  const version = catalog[name];
  if (version === undefined) throw new Error(`The workspace's catalog has no "${name}"`);
  return version;
}

/**
 * Packs the client by `npm pack` into `destination` and returns the tarball's path. The same
 * sources give the same bytes.
 */
export async function packClient(root: string, destination: string): Promise<string> {
  const files = await packageFiles(root);
  await Deno.mkdir(destination, { recursive: true });
  const staging = await Deno.makeTempDir({ prefix: "fluxbase-client-" });
  try {
    for (const [path, text] of files) {
      await Deno.mkdir(dirname(join(staging, path)), { recursive: true });
      await Deno.writeTextFile(join(staging, path), text);
    }
    return join(destination, await npmPack(staging, destination));
  } finally {
    await Deno.remove(staging, { recursive: true });
  }
}

async function npmPack(folder: string, destination: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("npm", {
    args: ["pack", "--json", "--ignore-scripts", "--pack-destination", destination],
    cwd: folder,
  }).output().catch((cause: unknown) => {
    throw new Error('Cannot run "npm", which makes the tarball', { cause });
  });
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`Cannot pack the client: ${text.decode(stderr)}`);
  const packed: { filename: string }[] = JSON.parse(text.decode(stdout));
  const [tarball] = packed;
  if (tarball === undefined) throw new Error('Cannot pack the client: "npm pack" names no tarball');
  return tarball.filename;
}
