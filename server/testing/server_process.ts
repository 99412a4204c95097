/**
 * The server as its users run it: a process of its own, with a data folder of its own, stopped by
 * its own process id. Nothing of it is faked; `kill` is `kill -9`.
 *
 * @module
 */
import { join } from "node:path";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const START_DEADLINE_MS = 60_000;

/** A folder that is gone with its scope. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes an empty data folder for a server. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await Deno.makeTempDir({ prefix: "fluxbase-test-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** A running server. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** All that it has printed so far. */
  output(): string;
  /** Reads a file of the data folder, without its last line break. */
  secretFile(name: "admin-key" | "demo-key" | "secret"): Promise<string>;
  /** Ends it as an operator would (SIGTERM); gives the exit code. */
  stop(): Promise<number>;
  /** Ends it as a power cut would (SIGKILL). */
  kill(): Promise<void>;
}

/** How to start it. */
export interface ServerProcessOptions {
  /** Its data folder; a second process on the same folder goes on with the same data. */
  readonly dataFolder: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `server/main.ts start` on a free port and waits until it is ready. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "start"],
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_FORMAT: "json",
      FLUXBASE_DATA_DIR: options.dataFolder,
      ...options.env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let printed = "";
  const reading = Promise.all([child.stdout, child.stderr].map(async (stream) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) printed += text;
  }));
  const ended = child.status.then(async (status) => {
    await reading;
    return status;
  });
  const url = await Promise.race([
    addressIn(() => printed),
    ended.then((status) => {
      throw new Error(`The server ended with code ${status.code} at its start:\n${printed}`);
    }),
  ]);
  let over = false;
  ended.then(() => over = true);
  return {
    url,
    pid: child.pid,
    output: () => printed,
    secretFile: async (name) => (await Deno.readTextFile(join(options.dataFolder, name))).trimEnd(),
    async stop() {
      if (!over) child.kill("SIGTERM");
      return (await ended).code;
    },
    async kill() {
      if (!over) child.kill("SIGKILL");
      await ended;
    },
    async [Symbol.asyncDispose]() {
      if (!over) child.kill("SIGTERM");
      await ended;
    },
  };
}

/** The first address that the server printed, once it answers there. */
async function addressIn(output: () => string): Promise<string> {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline) {
    const url = /https?:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d+/.exec(output())?.[0];
    if (url !== undefined && await answers(`${url}/readyz`)) return url;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The server was not ready within ${START_DEADLINE_MS} ms:\n${output()}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
