/**
 * `start`: runs the server until a signal stops it.
 *
 * @module
 */
import { relative } from "node:path";
import { generateAdminKey } from "../access/admin.ts";
import { type RunningServer, start } from "../app.ts";
import type { Config } from "../config.ts";
import { DataFolder, type SecretFile } from "../data_folder.ts";
import { prepareDemo } from "../demo.ts";
import { DEMO_QUERY } from "../demo_data.ts";
import type { Print } from "./usage.ts";

/** Exit code of a process that a second signal ended, or a first one before it ran. */
const INTERRUPTED = 130;

/** Runs the server; resolves once it has stopped. */
export async function runServer(config: Config, print: Print): Promise<void> {
  const stop = Promise.withResolvers<void>();
  let running = false;
  let stopping = false;
  const onSignal = () => {
    // PostgreSQL's watchdog shuts it down cleanly, however this process ends
    if (!running || stopping) Deno.exit(INTERRUPTED);
    stopping = true;
    print("Stopping; running requests may finish ...");
    stop.resolve();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);

  const folder = await DataFolder.open(config.dataDir);
  const admin = config.adminKey === undefined
    ? await folder.readOrMake("admin-key", generateAdminKey)
    : undefined;
  let demo = false;
  const server = await start(config, {
    secret: config.secret ?? await folder.platformSecret(),
    ...(admin && { adminKey: admin.text }),
    progress: print,
    prepare: async ({ control, keys }) => {
      const ownDatabase = config.databaseUrl === undefined;
      const grant = await prepareDemo({ control, keys, folder, ownDatabase, progress: print });
      demo = grant !== undefined;
      return grant;
    },
  });
  if (admin?.made && !server.adminKeyHolds) await folder.remove("admin-key");
  running = true;
  print(welcome(server, { config, folder, demo }));
  await stop.promise;
  await server.close();
}

/** What the operator and the newcomer need to know. */
function welcome(
  server: RunningServer,
  { config, folder, demo }: { config: Config; folder: DataFolder; demo: boolean },
): string {
  const code = server.signInCode === undefined ? "" : `/#code=${server.signInCode}`;
  const lines = ["", "Fluxbase runs. Ctrl-C stops it.", ""];
  lines.push(`  Playground  ${server.url}${code}`);
  if (demo) lines.push(`  Demo key    ${shown(folder, "demo-key")}`);
  lines.push(`  Admin key   ${adminKeyPlace(server, config, folder)}`);
  if (server.dataElsewhere !== undefined) {
    lines.push(`  Data        ${server.dataElsewhere}`);
    lines.push("              (PostgreSQL's user cannot enter the data folder; it has a link)");
  }
  lines.push("", demo ? "Try it:" : "Make a project:", "");
  lines.push(`  ${demo ? demoRequest(server.url, folder) : projectRequest(server, folder)}`, "");
  return lines.join("\n");
}

function adminKeyPlace(server: RunningServer, config: Config, folder: DataFolder): string {
  if (config.adminKey !== undefined) return "that of FLUXBASE_ADMIN_KEY";
  if (server.adminKeyHolds) return shown(folder, "admin-key");
  return "the one that another server of this database made (to set it: FLUXBASE_ADMIN_KEY)";
}

function demoRequest(url: string, folder: DataFolder): string {
  return `curl ${url}/api/execute-sql -H "authorization: Bearer $(cat ${
    shown(folder, "demo-key")
  })" -H 'content-type: application/json' -d '${JSON.stringify({ query: DEMO_QUERY })}'`;
}

function projectRequest(server: RunningServer, folder: DataFolder): string {
  const key = server.adminKeyHolds ? `$(cat ${shown(folder, "admin-key")})` : "$FLUXBASE_ADMIN_KEY";
  return `curl ${server.url}/api/projects -H "authorization: Bearer ${key}" ` +
    `-H 'content-type: application/json' -d '{"id":"shop","dialect":"postgres"}'`;
}

/** A file's path, short where it lies below the working folder, and safe in a shell. */
function shown(folder: DataFolder, name: SecretFile): string {
  const path = folder.pathOf(name);
  const near = relative(Deno.cwd(), path);
  const short = near.startsWith("..") ? path : near;
  return /^[\w./@%+=:,-]+$/.test(short) ? short : `'${short.replaceAll("'", `'\\''`)}'`;
}
