/**
 * Puts the parts together: the databases, the control plane, the faces, in this order, and takes
 * them apart in the opposite one.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { AdminKey, followAdminKey, storeAdminKey, storeFirstAdminKey } from "./access/admin.ts";
import { Keys } from "./access/keys.ts";
import { DEFAULT_BODY_BYTES } from "./api/body.ts";
import { Cors } from "./api/cors.ts";
import { createHandler } from "./api/handler.ts";
import { listen, type Listening, requireFreePort } from "./api/listen.ts";
import { TrustedProxies } from "./api/peer.ts";
import { SignIn, type SignInGrant } from "./api/sign_in.ts";
import type { Config } from "./config.ts";
import { type EmbeddedPostgres, startEmbedded } from "./databases/embedded/embedded.ts";
import { PostgresServer } from "./databases/postgres/server.ts";
import { FluxbaseError } from "./errors.ts";
import { Health } from "./observe/health.ts";
import { logger, startLogging } from "./observe/logger.ts";
import { Metrics } from "./observe/metrics.ts";
import { openControlPlane, type OpenedControlPlane } from "./projects/control_plane.ts";
import { Secrets } from "./projects/secrets.ts";
import type { ConnectServer } from "./projects/servers.ts";

const PLAYGROUND = new URL("../playground/dist", import.meta.url).pathname;
const GRACE_MS = 10_000;
const LAST_ANSWERS_MS = 1_000;

/** What is there once the control plane is open. */
export interface Opened {
  readonly control: OpenedControlPlane;
  readonly keys: Keys;
}

/** What `start` takes beside the configuration. */
export interface StartOptions {
  /** `FLUXBASE_SECRET`, from the environment or the data folder: 32 bytes. */
  readonly secret: Uint8Array;
  /** The administrator's key of the data folder; counts where the control plane has none yet. */
  readonly adminKey?: string;
  /** Told what takes long. */
  readonly progress?: (message: string) => void;
  /** Makes what must be there before the server listens; what it returns is signed in to. */
  readonly prepare?: (opened: Opened) => Promise<SignInGrant | undefined>;
  /** Folder of the built playground. */
  readonly playground?: string;
  /** Bytes of a request's body. */
  readonly maxBodyBytes?: number;
  /** Takes each finished line of the log; standard error by default. */
  readonly log?: (line: string) => void;
  /** Milliseconds that running requests have when the server stops. */
  readonly graceMs?: number;
}

/** A server that answers. */
export interface RunningServer {
  readonly url: string;
  /** Opens the playground with the project that `prepare` returned, once. */
  readonly signInCode?: string;
  /** Whether the key of `adminKey` is the one that the control plane knows. */
  readonly adminKeyHolds: boolean;
  /** Where the embedded database's files lie, when that is not the data folder. */
  readonly dataElsewhere?: string;
  /** Stops: running requests finish, then everything is taken down. May be called again. */
  close(): Promise<void>;
}

/** Starts the whole server; throws with one clear line where it cannot. */
export async function start(config: Config, options: StartOptions): Promise<RunningServer> {
  startLogging({
    level: config.logLevel,
    format: config.logFormat ?? defaultFormat(),
    ...(options.log === undefined ? {} : { write: options.log }),
  });
  requireFreePort(config);
  await using undo = new AsyncDisposableStack();
  const embedded = config.databaseUrl === undefined ? await embed(config, options) : undefined;
  undo.defer(async () => await embedded?.stop());

  const servers: PostgresServer[] = [];
  let listening: Listening | undefined;
  // Whatever still ran when its database closed has failed by now, and is answered so.
  undo.defer(async () => await listening?.close(LAST_ANSWERS_MS));
  const control = await openControlPlane({
    url: config.databaseUrl ?? embedded?.adminUrl ?? "",
    secret: options.secret,
    connectServer: connector({ secret: options.secret, embedded, servers }),
    connections: config.dbConnections,
    log: logger("projects"),
  });
  undo.defer(() => control.close());
  const keys = new Keys(control, { log: logger("access") });
  undo.defer(() => keys.close());
  const adminKey = await adminKeyOf(config, options, control);
  undo.defer(followAdminKey(control, adminKey));

  const signIn = new SignIn();
  const grant = await options.prepare?.({ control, keys });
  const signInCode = grant === undefined ? undefined : await signIn.issue(grant);
  const health = healthOf(control, embedded);
  const stopping = new AbortController();
  const handler = createHandler({
    control,
    keys,
    adminKey,
    metrics: metricsOf(servers),
    health,
    signIn,
    stopping: stopping.signal,
    cors: new Cors(config.corsOrigins, control),
    proxies: new TrustedProxies(config.trustedProxies),
    maxBodyBytes: options.maxBodyBytes ?? DEFAULT_BODY_BYTES,
    playground: options.playground ?? PLAYGROUND,
    ...(config.metricsToken === undefined ? {} : { metricsToken: config.metricsToken }),
  });
  const faces = listening = await listen(config, handler);
  undo.defer(async () => {
    health.stop();
    stopping.abort();
    await faces.close(options.graceMs ?? GRACE_MS);
  });
  const resources = undo.move();
  let closing: Promise<void> | undefined;
  return {
    url: faces.url,
    ...(signInCode === undefined ? {} : { signInCode }),
    adminKeyHolds: options.adminKey !== undefined && adminKey.verify(options.adminKey),
    ...(embedded?.elsewhere === undefined ? {} : { dataElsewhere: embedded.elsewhere }),
    close: () => closing ??= resources.disposeAsync(),
  };
}

function defaultFormat(): "pretty" | "json" {
  return Deno.stderr.isTerminal() ? "pretty" : "json";
}

function embed(config: Config, { progress }: StartOptions): Promise<EmbeddedPostgres> {
  const log = logger("embedded");
  return startEmbedded({
    folder: config.dataDir,
    log: (level, message) => log[level](message),
    progress: progress ?? (() => {}),
  });
}

interface ConnectorOptions {
  readonly secret: Uint8Array;
  readonly embedded: EmbeddedPostgres | undefined;
  /** Takes every server that was connected. */
  readonly servers: PostgresServer[];
}

/** The one place that knows the dialects. */
function connector({ secret, embedded, servers }: ConnectorOptions): ConnectServer {
  const passwords = new Secrets(secret).derive("role passwords");
  const rolePassword = (role: string) =>
    createHmac("sha256", passwords).update(role).digest("base64url");
  return (dialect, adminUrl, { first }) => {
    if (dialect !== "postgres") {
      throw new FluxbaseError(
        "DIALECT_UNAVAILABLE",
        `This installation has no server for the dialect "${dialect}"`,
      );
    }
    const socketFolder = first ? embedded?.socketFolder : undefined;
    const server = new PostgresServer(
      { adminUrl, rolePassword, ...(socketFolder === undefined ? {} : { socketFolder }) },
      { hardenCluster: socketFolder !== undefined },
    );
    servers.push(server);
    return server;
  };
}

function metricsOf(servers: readonly PostgresServer[]): Metrics {
  const metrics = new Metrics();
  const sum = (field: "open" | "waiting") =>
    servers.reduce((total, { use }) => total + use[field], 0);
  metrics.watch("db_connections_open", "Connections held for projects", () => sum("open"));
  metrics.watch(
    "db_requests_waiting",
    "Requests that wait for a connection",
    () => sum("waiting"),
  );
  return metrics;
}

/** The operator's own key replaces the stored one; the data folder's is the first one at most. */
async function adminKeyOf(
  config: Config,
  options: StartOptions,
  control: OpenedControlPlane,
): Promise<AdminKey> {
  if (config.adminKey !== undefined) {
    const key = AdminKey.fromPlain(config.adminKey);
    await storeAdminKey(control, key);
    return key;
  }
  if (options.adminKey === undefined) {
    throw new FluxbaseError("INTERNAL", "No administrator's key was given");
  }
  return await storeFirstAdminKey(control, AdminKey.fromPlain(options.adminKey));
}

function healthOf(control: OpenedControlPlane, embedded: EmbeddedPostgres | undefined): Health {
  const health = new Health();
  health.require("control plane", () => control.ping());
  if (embedded !== undefined) {
    health.require("embedded PostgreSQL", () => {
      if (!embedded.alive()) throw new Error("is not running; it is being started again");
    });
  }
  return health;
}
