/**
 * The data of the embedded PostgreSQL: made once, by `initdb`, beside its final place and renamed
 * when whole, so that a folder named `data` is never half made.
 *
 * @module
 */
import { join } from "node:path";
import type { BinaryPackage } from "./binaries.ts";
import { EmbeddedError } from "./error.ts";
import { type Home, makeOwned } from "./home.ts";
import { accessFile, configurationFile, identityFile, SUPERUSER } from "./settings.ts";
import type { PostgresSettings } from "./settings.ts";
import { shell } from "./shell.ts";
import { NOBODY_UID } from "./user.ts";

/** Start of the name of data that `initdb` has not finished. */
const HALF_MADE = "data.new-";

/** Major version that made the data; `undefined` where there is no data yet. */
export async function dataMajor(home: Home): Promise<string | undefined> {
  const data = join(home.folder, "data");
  const made = await Deno.stat(data).then(() => true, () => false);
  if (!made) return undefined;
  try {
    return (await Deno.readTextFile(join(data, "PG_VERSION"))).trim();
  } catch (cause) {
    throw new EmbeddedError(
      `The folder "${data}" holds no PostgreSQL data: move it away, and a new one is made`,
      { cause },
    );
  }
}

/** Throws unless the programs can read the data. */
export function requireMajor(home: Home, found: string, binaries: BinaryPackage): void {
  const ours = binaries.version.split(".")[0];
  if (found === ours) return;
  throw new EmbeddedError(
    `The data in "${home.folder}" was made by PostgreSQL ${found}, and this Fluxbase brings ` +
      `PostgreSQL ${ours}: dump it with the Fluxbase that made it (pg_dumpall), set ` +
      "FLUXBASE_DATA_DIR to a new folder, and load the dump there",
  );
}

/**
 * Makes the data folder; a half-made one of an earlier attempt is thrown away. Each attempt has a
 * name of its own, since an `initdb` whose parent was killed may still be writing to the last one.
 */
export async function makeCluster(
  home: Home,
  programs: string,
  options: { durable: boolean },
): Promise<void> {
  for await (const { name } of Deno.readDir(home.folder)) {
    if (!name.startsWith(HALF_MADE)) continue;
    await Deno.remove(join(home.folder, name), { recursive: true });
  }
  const half = join(home.folder, `${HALF_MADE}${crypto.randomUUID()}`);
  const maker = home.user && { uid: NOBODY_UID, gid: home.user.gid };
  await makeOwned(half, maker);
  const args = [
    join(programs, "bin", "initdb"),
    `--pgdata=${half}`,
    `--username=${SUPERUSER}`,
    "--auth-local=peer",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    // The same order and case rules on every machine, whatever its C library
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    ...(options.durable ? [] : ["--no-sync"]),
  ];
  const { ok, stdout, stderr } = await shell('"$@"', args, { user: maker });
  if (!ok) {
    const reason = stderr.split("\n").find((line) => line.startsWith("initdb: error:"));
    throw new EmbeddedError(
      `Cannot make the database in "${home.folder}": ${reason ?? stderr ?? stdout}`
        .replaceAll("\n", " "),
    );
  }
  if (home.user) await handOver(half, home);
  await Deno.rename(half, join(home.folder, "data"));
}

/** Writes the configuration; each file is replaced as a whole. */
export async function writeConfiguration(
  home: Home,
  settings: PostgresSettings,
  access: { loginUser: string; loopback: boolean },
): Promise<void> {
  const folder = configurationFolder(home);
  await Deno.mkdir(folder, { recursive: true, mode: 0o750 });
  const files = {
    "postgresql.conf": configurationFile(settings),
    "pg_hba.conf": accessFile(access),
    "pg_ident.conf": identityFile(access.loginUser),
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await Deno.writeTextFile(`${path}.new`, text, { mode: 0o640 });
    if (home.user) await Deno.chown(`${path}.new`, null, home.user.gid);
    await Deno.rename(`${path}.new`, path);
  }
  if (home.user) await Deno.chown(folder, null, home.user.gid);
}

/** Folder of the configuration files. */
export function configurationFolder(home: Home): string {
  return join(home.folder, "conf");
}

async function handOver(folder: string, home: Home): Promise<void> {
  const { uid, gid } = home.user ?? { uid: -1, gid: -1 };
  const { ok, stderr } = await shell('chown -R "$1" "$2"', [`${uid}:${gid}`, folder]);
  if (!ok) throw new EmbeddedError(`Cannot hand "${folder}" to user ${uid}: ${stderr}`);
}
