/**
 * A PostgreSQL for tests: the embedded one in a temporary folder, quick instead of durable, with a
 * port on loopback and a random password beside the socket.
 *
 * @module
 */
import { dirname, join } from "node:path";
import postgres from "postgres";
import { startEmbedded } from "./embedded.ts";
import type { Log } from "./log.ts";
import { type PostgresSettings, SUPERUSER, throwAwaySettings } from "./settings.ts";

const PREFIX = "fluxbase-test-";

/** A server that leaves nothing behind. */
export interface ThrowAwayPostgres extends AsyncDisposable {
  /** Administrator's URL over TCP, with its password. */
  readonly url: string;
  /** Folder of its socket; login by `peer` as on the embedded server. */
  readonly socketFolder: string;
  /** Port, of the socket too. */
  readonly port: number;
  pid(): number;
}

/** Starts one; takes about a second. */
export async function throwAwayPostgres(
  options: { settings?: PostgresSettings; log?: Log } = {},
): Promise<ThrowAwayPostgres> {
  const folder = await Deno.makeTempDir({ prefix: PREFIX });
  await sweep(dirname(folder));
  const port = freePort();
  try {
    const server = await startEmbedded({
      folder,
      log: options.log ?? (() => {}),
      progress: () => {},
      settings: { ...throwAwaySettings(port), ...options.settings },
    });
    const { socketFolder } = server;
    const password = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const admin = postgres({ host: socketFolder, port, user: SUPERUSER, max: 1 });
    await admin.unsafe(`ALTER ROLE ${SUPERUSER} PASSWORD '${password}'`);
    await admin.end();
    return {
      url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`,
      socketFolder,
      port,
      pid: server.pid,
      async [Symbol.asyncDispose]() {
        await server.stop();
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (thrown) {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    throw thrown;
  }
}

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Removes what killed test runs left: folders of ours whose lock nobody holds. */
async function sweep(parent: string): Promise<void> {
  for await (const { name } of Deno.readDir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const lock = join(parent, name, "postgres", "lock");
    using file = await Deno.open(lock, { read: true, write: true }).catch(() => undefined);
    const made = (await file?.stat())?.mtime?.getTime() ?? Infinity;
    if (Date.now() - made < 60_000 || !await file?.tryLock(true)) continue;
    await Deno.remove(join(parent, name), { recursive: true }).catch(() => {});
  }
}
