/**
 * Short jobs for `/bin/sh`, in the rights of the user that PostgreSQL runs as: copying and linking
 * trees, looking at processes and signalling them, none of which Deno does with narrow permissions.
 *
 * @module
 */
import type { ServiceUser } from "./user.ts";

/** Where and as whom a job runs. */
export interface ShellOptions {
  /** Absent: the user who runs Deno. */
  readonly user?: ServiceUser | undefined;
  readonly cwd?: string;
}

/** How a job ended. */
export interface ShellResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** What the job complained of, trimmed. */
  readonly stderr: string;
}

/** Environment of everything that is started here: no variable of the server reaches a child. */
export const CHILD_ENVIRONMENT = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" };

/** Runs a script; its arguments are `$1`, `$2`, … so that no value is ever parsed as code. */
export async function shell(
  script: string,
  args: readonly string[],
  options: ShellOptions = {},
): Promise<ShellResult> {
  const { user, cwd } = options;
  const output = await new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", ...args],
    clearEnv: true,
    env: CHILD_ENVIRONMENT,
    stdin: "null",
    cwd: cwd ?? "/",
    ...(user && { uid: user.uid, gid: user.gid }),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { ok: output.success, stdout: text(output.stdout), stderr: text(output.stderr) };
}
