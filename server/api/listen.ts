/**
 * Opens the port and closes it gracefully.
 *
 * @module
 */
import { ConfigError } from "../config.ts";

/** Where to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** An open port. */
export interface Listening {
  /** Address for people and programs on this machine. */
  readonly url: string;
  /** Takes no more requests; resolves when the running ones are answered, or after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Promise<Response>;

/** Starts serving; `ConfigError` where the port or the certificate cannot be had. */
export async function listen(options: ListenOptions, handler: Handler): Promise<Listening> {
  const { host, port, tls } = options;
  const opened = Promise.withResolvers<number>();
  const settings = {
    hostname: host,
    port,
    onListen: (address: Deno.NetAddr) => opened.resolve(address.port),
  };
  const certificate = tls === undefined ? {} : {
    cert: await readPem("TLS_CERT", tls.certFile),
    key: await readPem("TLS_KEY", tls.keyFile),
  };
  const server = explained(options, () => Deno.serve({ ...settings, ...certificate }, handler));
  const openPort = await opened.promise;
  let closed: Promise<void> | undefined;
  return {
    url: `${tls === undefined ? "http" : "https"}://${reachable(host)}:${openPort}`,
    async close(graceMs) {
      closed ??= server.shutdown();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, graceMs);
      await Promise.race([closed, late.promise]);
      clearTimeout(timer);
    },
  };
}

/** Throws `ConfigError` where the port is taken: told before anything slow has begun. */
export function requireFreePort(options: ListenOptions): void {
  if (options.port === 0) return;
  explained(options, () => Deno.listen({ hostname: options.host, port: options.port })).close();
}

function explained<T>({ host, port }: ListenOptions, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ConfigError(
        `PORT ${port} is in use on ${host}: stop what listens there, or set PORT to another`,
      );
    }
    if (cause instanceof Deno.errors.AddrNotAvailable) {
      throw new ConfigError(`HOST ${host} is no address of this machine`);
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new ConfigError(`PORT ${port} may not be opened by this user: ${cause.message}`);
    }
    if (cause instanceof Deno.errors.InvalidData) {
      throw new ConfigError(`TLS_CERT and TLS_KEY do not make a certificate: ${cause.message}`);
    }
    throw cause;
  }
}

async function readPem(variable: string, file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`${variable} names a file that cannot be read: ${reason}`);
  }
}

/** A listener on all addresses is reached by a name. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
