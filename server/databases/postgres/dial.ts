/**
 * Opens sockets to a PostgreSQL server, plain or under TLS, and sends cancel requests.
 *
 * TLS is settled here rather than in the driver: the driver would put its TLS socket on top of the
 * guard (`wire.ts`), which then sees cipher text only.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { FluxbaseError } from "../../errors.ts";
import type { PostgresAddress } from "./address.ts";

/** libpq's `sslmode`; `allow` is read as `prefer`, as postgres.js does. */
type TlsMode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full";

/** Where to connect to, and how the connection is secured. */
export interface Endpoint {
  /** Path of a unix socket; then host and TLS mean nothing. */
  readonly path?: string;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMode;
  /** PEM text of the authorities that the server's certificate may come from. */
  readonly authorities?: string;
}

const DEFAULT_PORT = 5432;
const DIAL_TIMEOUT_MS = 10_000;
/** Protocol codes that stand in the place of a version number (PostgreSQL manual, 54.7). */
const SSL_REQUEST = 80877103;
const CANCEL_REQUEST = 80877102;
const SSL_ACCEPTED = 0x53;

/** The endpoint of a server's projects: its unix socket where there is one, else its host. */
export function endpointOf(address: PostgresAddress): Endpoint {
  const url = new URL(address.adminUrl);
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  // `[::1]` stands in brackets in a URL and nowhere else.
  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1") || "localhost";
  // libpq's form of a socket's folder is a host that begins with a slash, percent-encoded.
  const folder = address.socketFolder ?? (host.startsWith("/") ? host : undefined);
  if (folder !== undefined) {
    return { path: `${folder}/.s.PGSQL.${port}`, host, port, tls: "disable" };
  }
  const mode = tlsMode(url.searchParams.get("sslmode") ?? url.searchParams.get("ssl"));
  const file = url.searchParams.get("sslrootcert");
  return {
    host,
    port,
    tls: file === "system" ? "verify-full" : mode,
    ...(file !== null && file !== "system" ? { authorities: readFileSync(file, "utf8") } : {}),
  };
}

function tlsMode(value: string | null): TlsMode {
  switch (value) {
    case null:
    case "disable":
    case "false":
      return "disable";
    case "allow":
    case "prefer":
      return "prefer";
    case "require":
    case "true":
      return "require";
    case "verify-ca":
    case "verify-full":
      return value;
    default:
      throw new FluxbaseError(
        "SERVER_UNSUITABLE",
        `Cannot connect with sslmode "${value}": use disable, prefer, require, verify-ca or verify-full`,
      );
  }
}

/** A connected socket on which the PostgreSQL protocol may start, small writes sent at once. */
export async function dial(endpoint: Endpoint): Promise<net.Socket> {
  const socket = endpoint.path === undefined
    ? net.connect({ host: endpoint.host, port: endpoint.port })
    : net.connect({ path: endpoint.path });
  // Whoever awaits hears of errors by what follows them; unheard ones would end the process.
  socket.on("error", () => {});
  const timer = setTimeout(() => {
    socket.destroy(new Error(`Cannot connect within ${DIAL_TIMEOUT_MS} ms`));
  }, DIAL_TIMEOUT_MS);
  try {
    await once(socket, "connect");
    if (endpoint.path !== undefined) return socket;
    // Nagle's algorithm would hold each small frame back until the last one is acknowledged.
    socket.setNoDelay(true);
    return endpoint.tls === "disable" ? socket : await secure(socket, endpoint);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function secure(socket: net.Socket, endpoint: Endpoint): Promise<net.Socket> {
  const answer = nextChunk(socket);
  socket.write(frameOf(SSL_REQUEST));
  const reply = await answer;
  // More than the one byte would be plain text that a man in the middle wants read as secured.
  if (reply.length !== 1) throw new Error("Unexpected bytes before the TLS handshake");
  if (reply[0] !== SSL_ACCEPTED) {
    if (endpoint.tls === "prefer") return socket;
    throw new Error(`The server takes no TLS, but the URL says sslmode=${endpoint.tls}`);
  }
  const secured = tls.connect({
    socket,
    ...(net.isIP(endpoint.host) === 0 ? { servername: endpoint.host } : {}),
    ...(endpoint.authorities === undefined ? {} : { ca: endpoint.authorities }),
    rejectUnauthorized: endpoint.tls === "verify-ca" || endpoint.tls === "verify-full",
    ...(endpoint.tls === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  });
  secured.on("error", () => {});
  await once(secured, "secureConnect");
  return secured;
}

function frameOf(code: number, ...rest: readonly number[]): Buffer {
  const frame = Buffer.alloc(8 + 4 * rest.length);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(code, 4);
  rest.forEach((value, index) => frame.writeUInt32BE(value, 8 + 4 * index));
  return frame;
}

function once(socket: net.Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error?: unknown) =>
      reject(error instanceof Error ? error : new Error("The server closed the connection"));
    socket.once("error", failed);
    socket.once("close", failed);
    socket.once(event, () => {
      socket.off("error", failed);
      socket.off("close", failed);
      resolve();
    });
  });
}

function nextChunk(socket: net.Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const failed = () => reject(new Error("The server closed the connection"));
    socket.once("close", failed);
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      socket.off("close", failed);
      resolve(chunk);
    });
  });
}

/** What a backend told at its start, with which any connection may cancel its statement. */
export interface BackendKey {
  readonly pid: number;
  readonly secret: number;
}

/**
 * Asks the server to cancel the backend's statement. Resolves once the server has closed the
 * connection of the request: by then the signal has been sent, so that it cannot hit a statement
 * that is sent afterwards. Never throws; a cancel that cannot be sent has no effect.
 */
export async function cancelBackend(endpoint: Endpoint, key: BackendKey): Promise<void> {
  let socket: net.Socket;
  try {
    socket = await dial(endpoint);
  } catch {
    return;
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.destroy(), DIAL_TIMEOUT_MS);
    // A reset by the server is an end as well; `close` follows.
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.write(frameOf(CANCEL_REQUEST, key.pid, key.secret));
  });
}
