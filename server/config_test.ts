import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { resolve } from "node:path";
import { type Config, ConfigError, loadConfig } from "./config.ts";

const SECRET = new Uint8Array(32).fill(7).toBase64();

function load(environment: Record<string, string>): Config {
  return loadConfig((name) => environment[name]);
}

/** The one line that a bad environment is answered with. */
function complaint(environment: Record<string, string>): string {
  let message = "";
  throws(() => load(environment), (thrown) => {
    ok(thrown instanceof ConfigError);
    message = thrown.message;
    return true;
  });
  ok(!message.includes("\n") && message !== "", message);
  return message;
}

Deno.test("an empty environment gives the documented defaults", () => {
  deepStrictEqual(load({}), {
    host: "127.0.0.1",
    port: 8000,
    trustedProxies: [],
    corsOrigins: [],
    dataDir: resolve(".fluxbase"),
    logLevel: "info",
  });
});

Deno.test("a blank variable counts as not set", () => {
  deepStrictEqual(load({ PORT: "", HOST: "  ", DATABASE_URL: "", FLUXBASE_SECRET: "" }), load({}));
});

Deno.test("every variable reaches its field", () => {
  deepStrictEqual(
    load({
      PORT: "0",
      HOST: "[::1]",
      TLS_CERT: "/etc/tls/cert.pem",
      TLS_KEY: "/etc/tls/key.pem",
      TRUSTED_PROXIES: "10.0.0.0/8, ::1",
      CORS_ORIGINS: "https://app.example.com/,http://localhost:5173",
      FLUXBASE_DATA_DIR: "/srv/fluxbase",
      FLUXBASE_SECRET: SECRET,
      FLUXBASE_ADMIN_KEY: "a".repeat(32),
      DATABASE_URL: "postgres://admin:pw@db:5432/postgres",
      FLUXBASE_DB_CONNECTIONS: "50",
      METRICS_TOKEN: "m".repeat(24),
      LOG_LEVEL: "Debug",
      LOG_FORMAT: "json",
    }),
    {
      host: "::1",
      port: 0,
      tls: { certFile: "/etc/tls/cert.pem", keyFile: "/etc/tls/key.pem" },
      trustedProxies: ["10.0.0.0/8", "::1"],
      corsOrigins: ["https://app.example.com", "http://localhost:5173"],
      dataDir: "/srv/fluxbase",
      secret: new Uint8Array(32).fill(7),
      adminKey: "a".repeat(32),
      databaseUrl: "postgres://admin:pw@db:5432/postgres",
      dbConnections: 50,
      metricsToken: "m".repeat(24),
      logLevel: "debug",
      logFormat: "json",
    },
  );
});

const BAD: readonly [string, Record<string, string>, RegExp][] = [
  ["a port that is no number", { PORT: "http" }, /^PORT is "http"; it must be a whole number/],
  ["a port out of range", { PORT: "65536" }, /^PORT is "65536"; .* from 0 to 65535$/],
  ["a negative port", { PORT: "-1" }, /^PORT is "-1"/],
  ["a host with a scheme", { HOST: "http://0.0.0.0" }, /^HOST is "http:\/\/0.0.0.0"; it must be/],
  ["a certificate without its key", { TLS_CERT: "c.pem" }, /^TLS_KEY is not set, but TLS_CERT is/],
  ["a key without its certificate", { TLS_KEY: "k.pem" }, /^TLS_CERT is not set, but TLS_KEY is/],
  ["a proxy that is no address", { TRUSTED_PROXIES: "lb" }, /^TRUSTED_PROXIES holds "lb"/],
  ["a proxy range too narrow", { TRUSTED_PROXIES: "10.0.0.0/33" }, /holds "10.0.0.0\/33"/],
  ["an origin with a path", { CORS_ORIGINS: "https://a.example/x" }, /^CORS_ORIGINS holds/],
  ["too few connections", { FLUXBASE_DB_CONNECTIONS: "3" }, /^FLUXBASE_DB_CONNECTIONS is "3"/],
  ["an unknown level", { LOG_LEVEL: "loud" }, /^LOG_LEVEL is "loud"; it must be one of debug, /],
  ["an unknown format", { LOG_FORMAT: "xml" }, /^LOG_FORMAT is "xml"; .* pretty, json$/],
];

for (const [what, environment, expected] of BAD) {
  Deno.test(`${what} is refused in one line with variable, problem and fix`, () => {
    const message = complaint(environment);
    ok(expected.test(message), message);
  });
}

Deno.test("DATABASE_URL without FLUXBASE_SECRET is refused", () => {
  ok(/^FLUXBASE_SECRET is not set/.test(complaint({ DATABASE_URL: "postgres://a@db/postgres" })));
});

Deno.test("a bad secret is refused without showing it", () => {
  for (
    const [name, value] of [
      ["FLUXBASE_SECRET", "c2hvcnQtc2VjcmV0"],
      ["FLUXBASE_SECRET", "not base64 at all!"],
      ["FLUXBASE_ADMIN_KEY", "a".repeat(31)],
      ["METRICS_TOKEN", "hunter2"],
      ["DATABASE_URL", "mysql://root:hunter2@db/x"],
    ] as const
  ) {
    const message = complaint({ [name]: value });
    ok(message.startsWith(name), message);
    ok(!message.includes(value) && !message.includes("hunter2"), message);
  }
});

Deno.test("a secret in the URL-safe alphabet is the same secret", () => {
  const bytes = new Uint8Array(32).fill(0xfb);
  const text = bytes.toBase64({ alphabet: "base64url" });
  strictEqual(load({ FLUXBASE_SECRET: text }).secret?.toHex(), bytes.toHex());
});

Deno.test("a value with a line break still makes one line", () => {
  strictEqual(
    complaint({ LOG_LEVEL: "in\nfo" }),
    'LOG_LEVEL is "in\\nfo"; it must be one of debug, info, warning, error',
  );
});
