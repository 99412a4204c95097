/**
 * One process at most on a data folder, by a lock that the kernel frees with the process.
 *
 * @module
 */
import { join } from "node:path";
import { EmbeddedError } from "./error.ts";
import type { Home } from "./home.ts";

/** Takes the home's lock, held until the file is closed. */
export async function lockHome(home: Home): Promise<Deno.FsFile> {
  const path = join(home.folder, "lock");
  const file = await Deno.open(path, { create: true, read: true, write: true, mode: 0o600 });
  if (await file.tryLock(true)) return file;
  file.close();
  throw new EmbeddedError(
    `Another Fluxbase runs on the data in "${home.folder}": stop it, or set FLUXBASE_DATA_DIR to ` +
      "another folder",
  );
}
