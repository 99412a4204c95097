/**
 * The environment as a `Config`. Nothing else in the server reads the environment. A bad value
 * stops the start with one line that names the variable, what is wrong with it and the fix; values
 * of secrets never stand in such a line.
 *
 * @module
 */
import { isIP } from "node:net";
import { resolve } from "node:path";

/** What the operator decided, each field with its variable. */
export interface Config {
  /** `HOST`: address that the server listens on. */
  readonly host: string;
  /** `PORT`; 0 takes a free one. */
  readonly port: number;
  /** `TLS_CERT` and `TLS_KEY`: absolute paths of PEM files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** `TRUSTED_PROXIES`: addresses and CIDR ranges whose forwarding headers count. */
  readonly trustedProxies: readonly string[];
  /** `CORS_ORIGINS`: origins allowed for every project; `*` is every origin. */
  readonly corsOrigins: readonly string[];
  /** `FLUXBASE_DATA_DIR`: absolute path. */
  readonly dataDir: string;
  /** `FLUXBASE_SECRET`: 32 bytes; absent where the data folder holds it. */
  readonly secret?: Uint8Array<ArrayBuffer>;
  /** `FLUXBASE_ADMIN_KEY`; absent where the data folder holds it. */
  readonly adminKey?: string;
  /** `DATABASE_URL`: administrator's URL; absent: the embedded PostgreSQL. */
  readonly databaseUrl?: string;
  /** `FLUXBASE_DB_CONNECTIONS`: this process's share; absent: worked out from the server. */
  readonly dbConnections?: number;
  /** `METRICS_TOKEN`: bearer token of `/metrics`; absent: direct loopback peers only. */
  readonly metricsToken?: string;
  /** `LOG_LEVEL`. */
  readonly logLevel: LogLevel;
  /** `LOG_FORMAT`; absent: `pretty` on a terminal, else `json`. */
  readonly logFormat?: LogFormat;
}

/** From the most to the least that is logged. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

export const LOG_FORMATS = ["pretty", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/** A variable that the server cannot start with; the message is one line for the operator. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Reads one variable; an empty or blank one counts as not set. */
type Read = (name: string) => string | undefined;

/** The environment's decisions with their defaults filled in; `ConfigError` on a bad value. */
export function loadConfig(environment: Read): Config {
  const read: Read = (name) => environment(name)?.trim() || undefined;
  const tls = tlsFiles(read);
  const databaseUrl = postgresUrl("DATABASE_URL", read("DATABASE_URL"));
  const secret = secretBytes(read("FLUXBASE_SECRET"));
  if (databaseUrl !== undefined && secret === undefined) {
    throw new ConfigError(
      "FLUXBASE_SECRET is not set, but DATABASE_URL is: every server of one database shares the " +
        'secret; make one with "openssl rand -base64 32"',
    );
  }
  const adminKey = longSecret("FLUXBASE_ADMIN_KEY", read("FLUXBASE_ADMIN_KEY"), 32);
  const dbConnections = read("FLUXBASE_DB_CONNECTIONS");
  const metricsToken = longSecret("METRICS_TOKEN", read("METRICS_TOKEN"), 24);
  const logFormat = read("LOG_FORMAT");
  return {
    host: hostName(read("HOST") ?? "127.0.0.1"),
    port: wholeNumber("PORT", read("PORT") ?? "8000", 0, 65_535),
    ...(tls && { tls }),
    trustedProxies: list(read("TRUSTED_PROXIES")).map(proxyRange),
    corsOrigins: list(read("CORS_ORIGINS")).map(origin),
    dataDir: resolve(read("FLUXBASE_DATA_DIR") ?? ".fluxbase"),
    ...(secret && { secret }),
    ...(adminKey && { adminKey }),
    ...(databaseUrl && { databaseUrl }),
    ...(dbConnections && {
      dbConnections: wholeNumber("FLUXBASE_DB_CONNECTIONS", dbConnections, 4, 10_000),
    }),
    ...(metricsToken && { metricsToken }),
    logLevel: oneOf("LOG_LEVEL", read("LOG_LEVEL") ?? "info", LOG_LEVELS),
    ...(logFormat && { logFormat: oneOf("LOG_FORMAT", logFormat, LOG_FORMATS) }),
  };
}

function list(value: string | undefined): string[] {
  return (value ?? "").split(",").map((item) => item.trim()).filter((item) => item !== "");
}

function wholeNumber(name: string, value: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (number >= least && number <= most) return number;
  throw new ConfigError(
    `${name} is ${JSON.stringify(value)}; it must be a whole number from ${least} to ${most}`,
  );
}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value.toLowerCase());
  if (found !== undefined) return found;
  throw new ConfigError(
    `${name} is ${JSON.stringify(value)}; it must be one of ${choices.join(", ")}`,
  );
}

function hostName(value: string): string {
  const bare = value.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/.test(bare)) return bare;
  throw new ConfigError(
    `HOST is ${
      JSON.stringify(value)
    }; it must be an address or a name without scheme or port, such as 0.0.0.0`,
  );
}

function tlsFiles(read: Read): Config["tls"] {
  const certFile = read("TLS_CERT");
  const keyFile = read("TLS_KEY");
  if (certFile !== undefined && keyFile !== undefined) {
    return { certFile: resolve(certFile), keyFile: resolve(keyFile) };
  }
  if (certFile === undefined && keyFile === undefined) return undefined;
  const [given, missing] = certFile ? ["TLS_CERT", "TLS_KEY"] : ["TLS_KEY", "TLS_CERT"];
  throw new ConfigError(`${missing} is not set, but ${given} is: set both for HTTPS, or neither`);
}

function proxyRange(value: string): string {
  const [address = "", bits, ...rest] = value.split("/");
  const family = isIP(address);
  const most = family === 6 ? 128 : 32;
  const goodBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
  if (family !== 0 && goodBits && rest.length === 0) return value;
  throw new ConfigError(
    `TRUSTED_PROXIES holds ${
      JSON.stringify(value)
    }; each item must be an IP address or a range such as ` +
      "10.0.0.0/8",
  );
}

function origin(value: string): string {
  if (value === "*") return value;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && url.origin !== "null" && url.origin === value.replace(/\/$/, "").toLowerCase()) {
    return url.origin;
  }
  throw new ConfigError(
    `CORS_ORIGINS holds ${
      JSON.stringify(value)
    }; each item must be an origin such as https://app.example.com, ` +
      "or *",
  );
}

function secretBytes(value: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (value === undefined) return undefined;
  const bytes = decodeSecret(value);
  if (bytes !== undefined) return bytes;
  throw new ConfigError(
    'FLUXBASE_SECRET is not 32 bytes in base64; make one with "openssl rand -base64 32"',
  );
}

/** The 32 bytes of a secret in base64 (either alphabet); `undefined` when it is anything else. */
export function decodeSecret(text: string): Uint8Array<ArrayBuffer> | undefined {
  const standard = text.replaceAll("-", "+").replaceAll("_", "/");
  try {
    const bytes = Uint8Array.fromBase64(standard);
    return bytes.length === 32 ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function longSecret(name: string, value: string | undefined, least: number): string | undefined {
  if (value === undefined) return undefined;
  if (/^[\x21-\x7e]{1,512}$/.test(value) && value.length >= least) return value;
  throw new ConfigError(
    `${name} must be ${least} to 512 printable characters without spaces; make one with ` +
      '"openssl rand -hex 24"',
  );
}

function postgresUrl(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const scheme = url?.protocol === "postgres:" || url?.protocol === "postgresql:";
  if (url && scheme && url.hostname !== "" && url.username !== "") return value;
  throw new ConfigError(
    `${name} is not an administrator's URL of a PostgreSQL server, such as ` +
      "postgres://admin:password@db.example.com:5432/postgres",
  );
}
