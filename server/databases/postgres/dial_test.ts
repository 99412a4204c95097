import assert from "node:assert/strict";
import { actor, AMPLE, noWall } from "../../testing/postgres_database.ts";
import { newPlacement } from "../../testing/postgres_project.ts";
import { type ThrowAwayPostgres, throwAwayPostgres } from "../embedded/throw_away.ts";
import { loginName, type PostgresAddress } from "./address.ts";
import { connectAdmin } from "./admin.ts";
import { ConnectionBudget } from "./connect.ts";
import { PostgresDatabase } from "./database.ts";
import { endpointOf } from "./dial.ts";
import { PostgresServer } from "./server.ts";

/** Self-signed for "localhost" and 127.0.0.1; known to everybody and good for nothing else. */
const CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUMZfVxiV9ydEJIyHys6NIKONkSDAwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE2MjYwOFoYDzIxMjYxMDI4
MTYyNjA4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQz5hXxK+z569gyDqKEgTa3d/Pk+Bn1K/XTUMayQsriltwPgOLV5YVD
j/5bXmfcAutPAxGXP366/g7hzUSxNtIuo28wbTAdBgNVHQ4EFgQUkpSf9r30SG3l
huy5wYiUqhWraNwwHwYDVR0jBBgwFoAUkpSf9r30SG3lhuy5wYiUqhWraNwwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgeL539t4S/8G31IS9364VTVyMf9mOKh3ZSC9OBTzMeNICIQDk
il4IZUBpcK7YJ6HPPGPxXQxLZTUfh2yQq4BjdetdrA==
-----END CERTIFICATE-----
`;
const KEY = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqEhICWwpaczBMIWL
Y9bsNfS5/xUOtMDwPTj2bx4RIimhRANCAAQz5hXxK+z569gyDqKEgTa3d/Pk+Bn1
K/XTUMayQsriltwPgOLV5YVDj/5bXmfcAutPAxGXP366/g7hzUSxNtIu
-----END PRIVATE KEY-----
`;

const SECRET = crypto.randomUUID();
const rolePassword = (name: string) => `${SECRET}-${name}`;

/** Opens a new project's database on the server, does the work, and closes all. */
async function withDatabase(
  address: PostgresAddress,
  prepared: PostgresServer,
  work: (database: PostgresDatabase, budget: ConnectionBudget, owner: string) => Promise<void>,
  admin = connectAdmin(address),
): Promise<void> {
  const placement = newPlacement();
  await prepared.create(placement);
  const budget = new ConnectionBudget({ connections: 4, projectShare: 1 });
  const database = new PostgresDatabase({ address, placement, validator: noWall, budget, admin });
  try {
    await work(database, budget, loginName(placement, "owner"));
  } finally {
    await database.close();
    budget.close();
    await admin.end();
  }
}

/** Turns TLS on, with a key that the server's user alone can read. */
async function useTls(server: ThrowAwayPostgres, folder: string): Promise<void> {
  const [certificate, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  await Deno.writeTextFile(certificate, CERTIFICATE.trimStart());
  await Deno.writeTextFile(key, KEY.trimStart());
  await Deno.chmod(folder, 0o755);
  await Deno.chmod(certificate, 0o644);
  await Deno.chmod(key, 0o600);
  const { uid, gid } = await Deno.stat(server.socketFolder);
  if (Deno.uid() === 0) await Deno.chown(key, uid, gid);
  const admin = connectAdmin({ adminUrl: server.url, rolePassword });
  await admin.unsafe(`ALTER SYSTEM SET ssl_cert_file = '${certificate}'`);
  await admin.unsafe(`ALTER SYSTEM SET ssl_key_file = '${key}'`);
  await admin.unsafe("ALTER SYSTEM SET ssl = on");
  await admin`SELECT pg_reload_conf()`;
  let shown: unknown;
  while (shown !== "on") {
    await new Promise((resolve) => setTimeout(resolve, 50));
    [shown] = Object.values((await admin`SHOW ssl`)[0] ?? {});
  }
  await admin.end();
}

async function value(database: PostgresDatabase, query: string): Promise<unknown> {
  return (await database.execute(actor("owner"), { query }, AMPLE)).rows[0]?.[0];
}

Deno.test("logins over the network and over the socket", async (t) => {
  await using postgres = await throwAwayPostgres();
  const folder = await Deno.makeTempDir();
  await useTls(postgres, folder);
  const plain: PostgresAddress = { adminUrl: postgres.url, rolePassword };
  const server = new PostgresServer(plain);
  await server.prepare();

  const over = (parameters: Record<string, string>, host = "127.0.0.1"): PostgresAddress => {
    const url = new URL(postgres.url);
    url.hostname = host;
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { adminUrl: url.href, rolePassword };
  };
  const encrypted = "SELECT pg_backend_pid()";
  const isEncrypted = async (database: PostgresDatabase) => {
    const admin = connectAdmin(plain);
    const pid = await value(database, encrypted);
    const [row] = await admin`SELECT ssl FROM pg_stat_ssl WHERE pid = ${Number(pid)}`;
    await admin.end();
    return row?.ssl;
  };

  await t.step("a derived password proves a login", async () => {
    await withDatabase(plain, server, async (database) => {
      assert.equal(await value(database, "SELECT 1"), 1);
      assert.equal(await isEncrypted(database), false);
    });
  });

  await t.step("a password that tenant code changed is set again, once for all", async () => {
    await withDatabase(plain, server, async (database, budget, owner) => {
      await value(database, "SELECT 1");
      await database.execute(actor("owner"), {
        query: `ALTER ROLE ${owner} PASSWORD 'changed'`,
      }, AMPLE);
      budget.setLimit(0);
      while (budget.open > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      budget.setLimit(4);
      const many = Array.from({ length: 10 }, () => value(database, "SELECT 1"));
      assert.deepEqual(await Promise.all(many), new Array(10).fill(1));
    });
  });

  for (const sslmode of ["prefer", "require"]) {
    await t.step(`sslmode=${sslmode} encrypts, cancels too`, async () => {
      await withDatabase(over({ sslmode }), server, async (database) => {
        assert.equal(await isEncrypted(database), true);
        await assert.rejects(
          database.execute(actor("owner"), {
            query:
              "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
          }, { ...AMPLE, timeoutMs: 100 }),
          { code: "QUERY_TIMEOUT" },
        );
        const rows = await database.execute(actor("owner"), {
          query: "SELECT n, repeat('x', 1000) FROM generate_series(1, 5000) AS n",
        }, AMPLE);
        assert.equal(rows.rows.length, 5_000);
      });
    });
  }

  await t.step("sslmode=verify-full trusts the named authority alone", async () => {
    const trusted = over(
      { sslmode: "verify-full", sslrootcert: `${folder}/cert.pem` },
      "localhost",
    );
    await withDatabase(trusted, server, async (database) => {
      assert.equal(await isEncrypted(database), true);
    }, connectAdmin(plain));
    await withDatabase(over({ sslmode: "verify-full" }, "localhost"), server, async (database) => {
      await assert.rejects(value(database, "SELECT 1"), { code: "DATABASE_UNAVAILABLE" });
    }, connectAdmin(plain));
  });

  await t.step("over the socket the system's user proves the login", async () => {
    const { socketFolder } = postgres;
    const address: PostgresAddress = { adminUrl: postgres.url, socketFolder, rolePassword };
    const peers = new PostgresServer(address);
    await withDatabase(address, peers, async (database) => {
      assert.equal(await value(database, "SELECT 1"), 1);
      await assert.rejects(
        database.execute(actor("owner"), {
          query: "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
        }, { ...AMPLE, timeoutMs: 100 }),
        { code: "QUERY_TIMEOUT" },
      );
    });
    await peers.close();
  });

  // Here, and not on the server that all suites share: nobody can make or drop a database there
  // while a backend is stopped.
  await t.step(
    "a backend that hears nothing fails its request, and counts until gone",
    async () => {
      await withDatabase(plain, server, async (database, budget) => {
        budget.setLimit(1);
        const pid = Number(await value(database, "SELECT pg_backend_pid()"));
        const started = performance.now();
        const stuck = database.execute(actor("owner"), {
          query: "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
        }, { ...AMPLE, timeoutMs: 300 }).then(() => undefined, (error) => error.code);
        await new Promise((resolve) => setTimeout(resolve, 100));
        Deno.kill(pid, "SIGSTOP");
        try {
          assert.equal(await stuck, "QUERY_TIMEOUT");
          assert.ok(performance.now() - started < 5_000);
          assert.equal(budget.open, 1);
          budget.setLimit(2);
          assert.equal(await value(database, "SELECT 1"), 1);
          assert.equal(budget.open, 2);
        } finally {
          Deno.kill(pid, "SIGCONT");
        }
        while (budget.open > 1) await new Promise((resolve) => setTimeout(resolve, 20));
      });
    },
  );

  await server.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("an endpoint is read from the administrator's URL", () => {
  const of = (adminUrl: string, socketFolder?: string) =>
    endpointOf({ adminUrl, rolePassword, ...(socketFolder === undefined ? {} : { socketFolder }) });
  assert.deepEqual(of("postgres://a:b@db.example/x"), {
    host: "db.example",
    port: 5432,
    tls: "disable",
  });
  assert.equal(of("postgres://a@[::1]:6000/x?sslmode=require").host, "::1");
  assert.equal(of("postgres://a@h/x?sslmode=require").tls, "require");
  assert.equal(of("postgres://a@h/x?sslrootcert=system").tls, "verify-full");
  assert.equal(of("postgres://a@%2Frun%2Fpg:5433/x").path, "/run/pg/.s.PGSQL.5433");
  assert.equal(of("postgres://a@h:5433/x", "/run/other").path, "/run/other/.s.PGSQL.5433");
  assert.throws(() => of("postgres://a@h/x?sslmode=maybe"), { code: "SERVER_UNSUITABLE" });
});
