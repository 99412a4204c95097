// deno-lint-ignore-file no-console -- this is a command line
/**
 * Writes THIRD_PARTY_LICENCES.md: every package of the lock file with its licence, as the package
 * itself declares it. `--check` fails when the list is stale or a licence is not an accepted one.
 *
 *     deno run -A tools/licences.ts [--check]
 *
 * @module
 */
import { join } from "node:path";

/** Licences under which a dependency may come. */
const ACCEPTED = new Set([
  "MIT",
  "Apache-2.0",
  "ISC",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "Unlicense",
  "MPL-2.0",
  "BlueOak-1.0.0",
  "CC0-1.0",
  "PostgreSQL",
  "Python-2.0",
]);

const ROOT = join(import.meta.dirname ?? ".", "..");
const LIST = join(ROOT, "THIRD_PARTY_LICENCES.md");

interface LockedPackage {
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

interface Row {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

/** `@scope/name@1.2.3_peer@4` of the lock file, in its parts. */
export function parseLockKey(key: string): { name: string; version: string; folder: string } {
  const at = key.indexOf("@", 1);
  const name = key.slice(0, at);
  const version = key.slice(at + 1).split("_")[0] ?? "";
  return { name, version, folder: `${name.replace("/", "+")}@${version}` };
}

/** The licence that an installed package declares, or nothing when it is not installed here. */
async function licenceOf(name: string, folder: string): Promise<string | undefined> {
  const store = join(ROOT, "node_modules", ".deno");
  for await (const entry of Deno.readDir(store)) {
    if (entry.name !== folder && !entry.name.startsWith(`${folder}_`)) continue;
    const path = join(store, entry.name, "node_modules", name, "package.json");
    try {
      const { license, licenses } = JSON.parse(await Deno.readTextFile(path));
      return license?.type ?? license ?? licenses?.[0]?.type ?? "none declared";
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/** One row a package; builds for single platforms are one row a family, whatever runs this. */
async function rows(): Promise<Row[]> {
  const lock = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.lock")));
  const found = new Map<string, Row>();
  for (const [key, locked] of Object.entries<LockedPackage>(lock.npm)) {
    const { name, version, folder } = parseLockKey(key);
    const licence = await licenceOf(name, folder);
    const platform = locked.os !== undefined || locked.cpu !== undefined;
    if (!platform) {
      found.set(`${name}@${version}`, { name, version, licence: licence ?? "not installed" });
      continue;
    }
    const family = familyOf(name);
    const id = `${family}@${version}`;
    const known = found.get(id)?.licence;
    found.set(id, { name: family, version, licence: licence ?? known ?? "not installed" });
  }
  return [...found.values()].sort((a, b) => (a.name + a.version < b.name + b.version ? -1 : 1));
}

/** What a platform's build belongs to: `@x/binding-linux-x64-gnu` is one of `@x/binding-*`. */
export function familyOf(name: string): string {
  const cut = /^(.*?)-?(?:android|darwin|freebsd|linux|openharmony|wasm32|win32|windows)(?:-|$)/
    .exec(name)?.[1];
  if (cut === undefined) return name;
  return `${cut}${cut.endsWith("/") ? "*" : "-*"} (platform builds)`;
}

/** The whole page. */
export async function licencesPage(): Promise<{ text: string; refused: Row[] }> {
  const all = (await rows()).filter((row) => row.licence !== "not installed");
  const lines = all.map((row) => `| ${row.name} | ${row.version} | ${row.licence} |`);
  const text = [
    "# Third-party licences",
    "",
    "Generated from `deno.lock` by `deno run -A tools/licences.ts`; a test keeps it fresh.",
    "Fluxbase itself is under the Apache License 2.0 (`LICENSE`).",
    "",
    "| package | version | licence |",
    "| --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
  const refused = all.filter((row) =>
    !row.licence.replace(/[()]/g, "").split(/ OR /).some((option) =>
      option.split(/ AND /).every((one) => ACCEPTED.has(one))
    )
  );
  return { text, refused };
}

if (import.meta.main) {
  const { text, refused } = await licencesPage();
  const stale = await Deno.readTextFile(LIST).catch(() => "") !== text;
  for (const row of refused) console.error(`Licence not accepted: ${row.name} ${row.licence}`);
  if (Deno.args.includes("--check")) {
    if (stale) console.error("THIRD_PARTY_LICENCES.md is stale: run tools/licences.ts");
    Deno.exit(stale || refused.length > 0 ? 1 : 0);
  }
  await Deno.writeTextFile(LIST, text);
  Deno.exit(refused.length > 0 ? 1 : 0);
}
