/**
 * The PostgreSQL that `start` runs when there is no `DATABASE_URL`.
 *
 * ```
 *            no data                     data of our major version
 *   opened ──────────► making ──────────────┐
 *      │                                    ▼
 *      └───────────────────────────────► starting ◄──────── waiting (backoff)
 *                                           │ ready              ▲
 *                                           ▼                    │ the server died
 *                       stop()           running ────────────────┘
 *   closed ◄── stopping ◄───────────────────┴── (stop() in any state)
 * ```
 *
 * 1. One live process at most works on a data folder: it holds an exclusive lock on a file in it,
 *    which the kernel frees when the process ends, however it ends.
 * 2. A folder named `data` is whole: `initdb` works on `data.new-…`, which is renamed at the end
 *    and thrown away when it is found at a start.
 * 3. Data of another major version is never touched.
 * 4. PostgreSQL outlives the process that started it by seconds at most, and is shut down cleanly
 *    then: its watchdog reads a pipe that closes with the process.
 * 5. Before PostgreSQL starts, nothing else works on its data: what a killed process or a killed
 *    watchdog left is ended first.
 * 6. When PostgreSQL dies, it is started again, for as long as it takes, until `stop()`.
 * 7. `stop()` resolves when PostgreSQL is gone and the lock is free; a signal to the terminal's
 *    group does not reach PostgreSQL, so the caller decides the order.
 * 8. Nothing listens on a network port, and only the user who runs this process can log in.
 *
 * @module
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { findBinaries, installBinaries } from "./binaries.ts";
import {
  configurationFolder,
  dataMajor,
  makeCluster,
  requireMajor,
  writeConfiguration,
} from "./cluster.ts";
import { EmbeddedError } from "./error.ts";
import { type Home, makeOwned, openHome, socketFolder } from "./home.ts";
import { clearLeftovers } from "./leftovers.ts";
import { lockHome } from "./lock.ts";
import type { Log } from "./log.ts";
import { type PostgresSettings, serverSettings, SOCKET_PORT, SUPERUSER } from "./settings.ts";
import { loginUser } from "./user.ts";
import { startWatched, type WatchedOptions, type WatchedServer } from "./watched.ts";

/** How to start it. */
export interface EmbeddedOptions {
  /** The data folder; PostgreSQL's part of it is `postgres`. */
  readonly folder: string;
  readonly log: Log;
  /** Told what takes long, in words for the operator. */
  readonly progress: (message: string) => void;
  /** Gives the start up. */
  readonly signal?: AbortSignal;
  /** Settings over the usual ones; with a port on loopback, passwords are taken there. */
  readonly settings?: PostgresSettings;
}

/** A PostgreSQL that runs for as long as this process. */
export interface EmbeddedPostgres {
  /**
   * Administrator's URL, its host the percent-encoded socket folder, as libpq reads it. Drivers
   * that do not must be given `socketFolder` as the host.
   */
  readonly adminUrl: string;
  /** Folder of the socket on which the superuser and the projects' roles log in by `peer`. */
  readonly socketFolder: string;
  /** Where the data lies, when that is not the data folder itself. */
  readonly elsewhere?: string;
  /** Whether it takes connections, as far as is known. */
  alive(): boolean;
  /** Number of the postmaster's process, the latest one. */
  pid(): number;
  /** Shuts PostgreSQL down cleanly; resolves when it is gone. */
  stop(): Promise<void>;
}

/** Milliseconds before the first attempt to start a dead PostgreSQL again, and at most. */
const BACKOFF = { first: 100, most: 5_000 };

/** Starts PostgreSQL on a data folder, making its data when there is none. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const home = await openHome(options.folder);
  const lock = await lockHome(home);
  let server: Supervised | undefined;
  try {
    const sockets = socketFolder(home);
    const { run, fresh } = await prepare(home, options);
    const supervised = server = new Supervised(run, options);
    await supervised.start();
    const port = Number(options.settings?.["port"] ?? SOCKET_PORT);
    if (fresh) await closeToOthers(sockets, port);
    return {
      adminUrl: `postgres://${SUPERUSER}@${encodeURIComponent(sockets)}:${port}/${SUPERUSER}`,
      socketFolder: sockets,
      ...(home.elsewhere && { elsewhere: home.folder }),
      alive: () => supervised.alive,
      pid: () => supervised.pid,
      stop: async () => {
        await supervised.stop();
        lock.close();
      },
    };
  } catch (thrown) {
    await server?.stop();
    lock.close();
    throw thrown;
  }
}

/** Programs, data and configuration, ready to run. */
async function prepare(
  home: Home,
  { settings = {}, progress, log }: EmbeddedOptions,
): Promise<{ run: WatchedOptions; fresh: boolean }> {
  const binaries = await findBinaries();
  const found = await dataMajor(home);
  if (found !== undefined) requireMajor(home, found, binaries);
  const programs = join(home.folder, `native-${binaries.version}`);
  await installBinaries(binaries, programs);
  if (found === undefined) {
    progress("Creating the database (once) ...");
    await makeCluster(home, programs, { durable: settings["fsync"] !== "off" });
  }
  await makeOwned(join(home.folder, "socket"), home.user);
  const folder = configurationFolder(home);
  await writeConfiguration(home, { ...serverSettings(folder), ...settings }, {
    loginUser: await loginUser(),
    loopback: "listen_addresses" in settings,
  });
  const run = {
    programs,
    dataFolder: join(home.folder, "data"),
    configurationFile: join(folder, "postgresql.conf"),
    user: home.user,
    log,
  };
  return { run, fresh: found === undefined };
}

/** Takes from everyone but the superuser what a new server gives to all. */
async function closeToOthers(host: string, port: number): Promise<void> {
  const admin = postgres({ host, port, user: SUPERUSER, max: 1, onnotice: () => {} });
  try {
    await admin.unsafe("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC");
  } finally {
    await admin.end();
  }
}

/** Keeps one PostgreSQL running (invariants 5 to 7). */
class Supervised {
  readonly #run: WatchedOptions;
  readonly #options: EmbeddedOptions;
  readonly #stopping = new AbortController();
  #server: WatchedServer | undefined;
  #watching: Promise<void> | undefined;
  #alive = false;
  #pid = 0;

  constructor(run: WatchedOptions, options: EmbeddedOptions) {
    this.#run = run;
    this.#options = options;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get pid(): number {
    return this.#pid;
  }

  async start(): Promise<void> {
    await this.#launch(this.#options.signal);
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new EmbeddedError("PostgreSQL is being stopped"));
    this.#alive = false;
    await this.#server?.stop();
    await this.#watching;
  }

  async #launch(signal: AbortSignal | undefined): Promise<void> {
    const { dataFolder, user, log } = this.#run;
    const leftovers = await clearLeftovers(dataFolder, user);
    if (leftovers > 0) {
      log("warning", `Ended ${leftovers} processes of a PostgreSQL that was left running`);
    }
    this.#server = await startWatched(this.#run, { progress: this.#options.progress, signal });
    this.#pid = this.#server.pid;
    this.#alive = true;
  }

  /** Starts a dead server again until `stop()`. */
  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    const { log } = this.#run;
    while (!signal.aborted) {
      await this.#server?.ended;
      this.#alive = false;
      for (let wait = BACKOFF.first; !this.#alive && !signal.aborted;) {
        log("error", `PostgreSQL died; starting it again in ${wait / 1000} s`);
        await sleep(wait, undefined, { signal }).catch(() => {});
        wait = Math.min(wait * 2, BACKOFF.most);
        if (signal.aborted) break;
        await this.#launch(signal).catch((cause: unknown) => {
          if (!signal.aborted) log("error", cause instanceof Error ? cause.message : String(cause));
        });
        if (this.#alive) log("info", "PostgreSQL runs again");
      }
    }
    this.#alive = false;
    await this.#server?.stop();
  }
}
