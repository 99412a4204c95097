/**
 * Installing what a test needs, on the one kind of machine where that is plainly welcome: as root
 * on Debian, which is what containers and continuous integration are.
 *
 * @module
 */
import type { ServiceOptions } from "./service.ts";

/** Installs packages; answers whether it did. */
export async function aptInstall(
  packages: readonly string[],
  { install, say }: ServiceOptions,
): Promise<boolean> {
  const debian = await Deno.stat("/etc/debian_version").then(() => true, () => false);
  if (!install || !debian || Deno.uid() !== 0) return false;
  say(`Installing ${packages.join(", ")} with apt (--no-install leaves it) ...`);
  const options = ["-y", "-qq", "-o", "DPkg::Lock::Timeout=120"];
  const installed = await apt([...options, "install", "--no-install-recommends", ...packages]);
  if (installed) return true;
  // The lists of a fresh container are empty or old
  await apt([...options, "update"]);
  return await apt([...options, "install", "--no-install-recommends", ...packages]);
}

async function apt(args: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command("apt-get", {
    args: [...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

/** The first of some programs that PATH has, as an absolute path. */
export async function findProgram(names: readonly string[]): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    for (const name of names) {
      const path = name.startsWith("/") ? name : `${folder}/${name}`;
      const found = await Deno.stat(path).catch(() => undefined);
      if (found?.isFile && ((found.mode ?? 0) & 0o111) !== 0) return path;
    }
  }
  return undefined;
}
