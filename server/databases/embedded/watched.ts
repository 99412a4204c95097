/**
 * One run of the postmaster behind a watchdog: a small shell that holds the reading end of a pipe
 * from Deno. The pipe closes when Deno stops, however it stops, and then the watchdog shuts
 * PostgreSQL down: fast (clients are cut off, data is flushed), after half a minute immediately,
 * then by force. A stop on purpose takes the same way.
 *
 * @module
 */
import { join } from "node:path";
import { EmbeddedError } from "./error.ts";
import type { Log } from "./log.ts";
import { forwardLog } from "./log.ts";
import { CHILD_ENVIRONMENT } from "./shell.ts";
import type { ServiceUser } from "./user.ts";

/** What to run, and as whom. */
export interface WatchedOptions {
  /** Folder with `bin/postgres`. */
  readonly programs: string;
  readonly dataFolder: string;
  readonly configurationFile: string;
  readonly user: ServiceUser | undefined;
  readonly log: Log;
}

/** A postmaster that runs, or ran. */
export interface WatchedServer {
  /** Number of the postmaster's process. */
  readonly pid: number;
  /** Resolves when the postmaster is gone, or its watchdog. */
  readonly ended: Promise<void>;
  /** Shuts the server down and waits until it is gone. */
  stop(): Promise<void>;
}

/**
 * Address space of each of PostgreSQL's processes, in KiB: a statement that eats memory then fails
 * with "out of memory" by itself, instead of the kernel killing a backend, which takes every
 * session of every project with it. Shared memory takes about 0.4 GB of it.
 */
const ADDRESS_SPACE_KIB = 2 * 1024 * 1024;

const WATCHDOG = `
ulimit -v "$1" 2>/dev/null; shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{
  while read -r _ <&3; do :; done
  kill -INT $server
  turns=0
  while kill -0 $server; do
    sleep 0.5
    turns=$((turns + 1))
    [ $turns -ne 60 ] || kill -QUIT $server
    [ $turns -ne 70 ] || kill -KILL $server
  done
} >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait $server; code=$?
kill $watcher 2>/dev/null
exit $code
`;

/** Starts the server and waits until it takes connections; recovery counts as starting. */
export async function startWatched(
  options: WatchedOptions,
  waiting: { progress: (message: string) => void; signal?: AbortSignal | undefined },
): Promise<WatchedServer> {
  const { programs, dataFolder, configurationFile, user } = options;
  const since = Math.floor(Date.now() / 1000);
  const child = new Deno.Command("/bin/sh", {
    args: [
      ...["-c", WATCHDOG, "sh", String(ADDRESS_SPACE_KIB)],
      ...[join(programs, "bin", "postgres"), "-D", dataFolder],
      ...["-c", `config_file=${configurationFile}`],
    ],
    clearEnv: true,
    env: CHILD_ENVIRONMENT,
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
    // Ctrl-C goes to the terminal's whole group: PostgreSQL stops after the server, not with it
    detached: true,
    ...(user && { uid: user.uid, gid: user.gid }),
  }).spawn();
  let gone = false;
  const complaint = forwardLog(child.stderr, options.log);
  const release = () => child.stdin.close().catch(() => {});
  // A watchdog that was killed leaves its inner half, which the closing pipe sets to work
  const ended = child.status.then(async () => {
    gone = true;
    await release();
  });
  const stop = async () => {
    await release();
    await ended;
    await complaint;
  };
  const begun = performance.now();
  let told = 1;
  while (true) {
    if (waiting.signal?.aborted) {
      await stop();
      throw waiting.signal.reason;
    }
    if (gone) {
      throw new EmbeddedError(`PostgreSQL does not start: ${await complaint ?? "it said nothing"}`);
    }
    const pid = await readyPostmaster(dataFolder, since);
    if (pid !== undefined) return { pid, ended, stop };
    const seconds = (performance.now() - begun) / 1000;
    if (seconds > told * 5) {
      told++;
      waiting.progress(`PostgreSQL is still starting (${Math.round(seconds)} s) ...`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The postmaster's number once its file says `ready`; line 3 of it is the start in seconds. */
async function readyPostmaster(dataFolder: string, since: number): Promise<number | undefined> {
  const text = await Deno.readTextFile(join(dataFolder, "postmaster.pid")).catch(() => "");
  const lines = text.split("\n");
  if (lines[7]?.trim() !== "ready" || Number(lines[2]) < since) return undefined;
  return Number(lines[0]);
}
