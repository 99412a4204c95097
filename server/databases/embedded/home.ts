/**
 * Where PostgreSQL's part of a data folder lies. Usually `<data folder>/postgres`; where the user
 * that PostgreSQL runs as cannot enter that path (a checkout under root's own 0700 folder), in
 * `/var/lib/fluxbase/<hash of the path>`, with a link in its usual place.
 *
 * ```
 * postgres/      root's, its group PostgreSQL's: nobody else looks inside
 *   lock         held while a server runs on it
 *   conf/        the configuration; PostgreSQL's user reads it and cannot change it
 *   native-18…/  the programs
 *   socket/      the one way in
 *   data/        PostgreSQL's own
 * ```
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import { EmbeddedError } from "./error.ts";
import { SOCKET_PORT } from "./settings.ts";
import { shell } from "./shell.ts";
import { pathHash, type ServiceUser, serviceUser } from "./user.ts";

/** A place for the server that its user can work in. */
export interface Home {
  /** Real path, without links. */
  readonly folder: string;
  /** PostgreSQL's user; absent where it is the one who runs Deno. */
  readonly user?: ServiceUser;
  /** True where the data does not lie in the data folder itself. */
  readonly elsewhere: boolean;
}

/** Holds what lies outside of a data folder. */
const SYSTEM_FOLDER = "/var/lib/fluxbase";

/** `sun_path` has 108 bytes on Linux and 104 on macOS, the closing zero included. */
const LONGEST_SOCKET_PATH = 103;

/** Finds or makes the home of a data folder. */
export async function openHome(dataFolder: string): Promise<Home> {
  await Deno.mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const real = await Deno.realPath(dataFolder);
  const usual = join(real, "postgres");
  const user = await folderUser(usual);
  if (user === undefined) {
    await Deno.mkdir(usual, { recursive: true, mode: 0o700 });
    return { folder: await Deno.realPath(usual), elsewhere: false };
  }
  const found = await Deno.realPath(usual).catch(() => undefined);
  if (found !== undefined && found !== usual) return await enter(found, user, true);
  await letIn(real, user);
  if (await canEnter(real, user)) return await enter(usual, user, false);
  if (found !== undefined) {
    throw new EmbeddedError(
      `PostgreSQL's user ${user.uid} can no longer enter "${usual}": make the folders above it ` +
        `passable, or move it to "${SYSTEM_FOLDER}" and leave a link`,
    );
  }
  const folder = join(SYSTEM_FOLDER, await pathHash(real));
  await Deno.mkdir(SYSTEM_FOLDER, { recursive: true, mode: 0o711 });
  const home = await enter(folder, user, true);
  const { ok, stderr } = await shell('ln -s "$1" "$2"', [folder, usual]);
  if (!ok) throw new EmbeddedError(`Cannot link "${usual}" to "${folder}": ${stderr}`);
  return home;
}

/** Makes a folder that PostgreSQL's user may write to. */
export async function makeOwned(path: string, user: ServiceUser | undefined): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  if (user) await Deno.chown(path, user.uid, user.gid);
}

/** The home's socket folder, by the shortest name that this process can use for it. */
export function socketFolder(home: Home): string {
  const absolute = join(home.folder, "socket");
  const near = relative(Deno.cwd(), absolute);
  const length = (folder: string) => `${folder}/.s.PGSQL.${SOCKET_PORT}`.length;
  if (length(absolute) <= LONGEST_SOCKET_PATH) return absolute;
  if (near.includes("/") && length(near) <= LONGEST_SOCKET_PATH) return near;
  throw new EmbeddedError(
    `The path "${absolute}" is too long for a socket: set FLUXBASE_DATA_DIR to a shorter one`,
  );
}

/** Who owned the data last, else a number by the path; `undefined` for a plain user. */
async function folderUser(home: string): Promise<ServiceUser | undefined> {
  const owner = await Deno.stat(join(home, "data")).catch(() => undefined);
  if (owner?.uid && owner.gid !== null && Deno.uid() === 0) {
    return { uid: owner.uid, gid: owner.gid };
  }
  return await serviceUser(dirname(home));
}

/** Lets PostgreSQL's group pass through a data folder that is closed to everyone. */
async function letIn(dataFolder: string, user: ServiceUser): Promise<void> {
  const { mode, uid } = await Deno.stat(dataFolder);
  if (uid !== 0 || mode === null || (mode & 0o077) !== 0) return;
  await Deno.chown(dataFolder, 0, user.gid);
  await Deno.chmod(dataFolder, 0o710);
}

async function canEnter(folder: string, user: ServiceUser): Promise<boolean> {
  return (await shell('cd "$1"', [folder], { user })).ok;
}

async function enter(folder: string, user: ServiceUser, elsewhere: boolean): Promise<Home> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o750 });
  // One that a plain user made stays his, so that he can run it again without root
  if ((await Deno.stat(folder)).uid !== user.uid) {
    await Deno.chown(folder, 0, user.gid);
    await Deno.chmod(folder, 0o750);
  }
  if (await canEnter(folder, user)) return { folder, user, elsewhere };
  throw new EmbeddedError(`PostgreSQL's user ${user.uid} cannot enter "${folder}"`);
}
