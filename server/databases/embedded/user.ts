/**
 * The operating-system users around the embedded PostgreSQL: the one that it runs as, and the one
 * that may log in.
 *
 * PostgreSQL refuses to run as root. A plain user runs it as himself. For root a user and group
 * number of the data folder's own is taken, not `nobody`: whatever else runs as `nobody` on the
 * machine could read the data, trace the processes and end them. The number comes from a range
 * that neither Debian nor systemd hands out, is chosen by the folder's path, and belongs to the
 * folder from then on: its owner is asked first, so a folder that is moved keeps its user.
 *
 * @module
 */
import { EmbeddedError } from "./error.ts";
import { shell } from "./shell.ts";

/** Numbers of a user and group. */
export interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}

/** Free in Debian's policy and in systemd's table of user numbers alike. */
const FIRST_UID = 60_706;
const LAST_UID = 61_183;

/** `initdb` wants a user with a name; it runs as this one, in the folder's own group. */
export const NOBODY_UID = 65_534;

/** The user for a data folder; `undefined` where Deno's own user serves. */
export async function serviceUser(folder: string): Promise<ServiceUser | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const id = FIRST_UID + Number.parseInt(await pathHash(folder), 16) % (LAST_UID - FIRST_UID + 1);
  return { uid: id, gid: id };
}

/** 12 hexadecimal digits that stand for a path. */
export async function pathHash(path: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(path));
  return new Uint8Array(bytes, 0, 6).toHex();
}

/** Name of the user who runs Deno, as PostgreSQL's `peer` will see it. */
export async function loginUser(): Promise<string> {
  const { ok, stdout } = await shell("id -un", []);
  if (ok && /^[^\s"\\]+$/.test(stdout)) return stdout;
  throw new EmbeddedError(
    `User number ${Deno.uid()} has no name on this machine, which PostgreSQL needs: run as a ` +
      "user with an entry in /etc/passwd, or set DATABASE_URL",
  );
}
