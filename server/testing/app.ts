/**
 * The whole server inside the test's own process, on a database of its own of the test server.
 *
 * @module
 */
import { generateAdminKey } from "../access/admin.ts";
import { type RunningServer, start, type StartOptions } from "../app.ts";
import type { Config } from "../config.ts";
import { scratchPlane, TEST_SECRET } from "./control_plane.ts";
import { createProject, type TestProject } from "./rest.ts";

/** A server, its administrator's key and the projects that tests make on it. */
export interface TestApp extends AsyncDisposable {
  readonly url: string;
  readonly adminKey: string;
  readonly running: RunningServer;
  /** Makes a project; what the test leaves of it goes with the scope. */
  project(id: string): Promise<TestProject>;
}

/** What a test sets; by default a database of its own on the test server. */
type TestConfig = Partial<Config> & {
  /** Runs on an embedded PostgreSQL in `dataDir` instead. */
  readonly embedded?: boolean;
};

/** Starts a server on a free port. */
export async function startTestApp(
  { embedded = false, ...config }: TestConfig = {},
  options: Partial<StartOptions> = {},
): Promise<TestApp> {
  await using undo = new AsyncDisposableStack();
  const plane = embedded ? undefined : undo.use(await scratchPlane());
  const adminKey = generateAdminKey();
  const running = await start({
    host: "127.0.0.1",
    port: 0,
    trustedProxies: [],
    corsOrigins: [],
    dataDir: "",
    dbConnections: 8,
    logLevel: "error",
    logFormat: "json",
    ...(plane === undefined ? {} : { databaseUrl: plane.url }),
    ...config,
  }, { secret: TEST_SECRET, adminKey, ...options });
  undo.defer(() => running.close());
  const resources = undo.move();
  return {
    url: running.url,
    adminKey,
    running,
    project: (id) => createProject(running.url, adminKey, id),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** A function `busy(ms)` of the project's own, which takes that long and gives 7. */
export const BUSY_FUNCTION = `
  CREATE FUNCTION busy(ms int) RETURNS int LANGUAGE plpgsql AS $$
  DECLARE
    started timestamptz := clock_timestamp();
  BEGIN
    WHILE clock_timestamp() < started + ms * interval '1 ms' LOOP
    END LOOP;
    RETURN 7;
  END $$`;
