import assert from "node:assert/strict";
import { testAddress, testProject } from "../../../testing/postgres_project.ts";
import { type Admin, connectAdmin } from "../admin.ts";
import { PostgresServer } from "../server.ts";
import { forbiddenFunctions } from "./forbidden_functions.ts";
import { BLUEPRINT, type Blueprint } from "./steps.ts";
import { dropTemplate, ensureTemplate, majorVersion, templateName } from "./template.ts";

/** A blueprint that no other test has, and its template's removal. */
function ownBlueprint(version = BLUEPRINT.version): Blueprint {
  const mark = { name: "mark", sql: `COMMENT ON SCHEMA fluxbase IS '${crypto.randomUUID()}'` };
  return { ...BLUEPRINT, version, steps: [...BLUEPRINT.steps, mark] };
}

interface Scene extends AsyncDisposable {
  readonly blueprint: Blueprint;
  readonly name: string;
  readonly admin: Admin;
}

async function scene(version?: number): Promise<Scene> {
  const blueprint = ownBlueprint(version);
  const admin = connectAdmin(testAddress(), { max: 2 });
  const name = await templateName(blueprint, await majorVersion(admin));
  return {
    blueprint,
    name,
    admin,
    async [Symbol.asyncDispose]() {
      await dropTemplate(admin, name);
      await admin.end();
    },
  };
}

async function databaseOf(admin: Admin, name: string) {
  const [row] = await admin`
    SELECT oid, datistemplate, datallowconn, datacl::text AS acl, pg_encoding_to_char(encoding) AS encoding
    FROM pg_catalog.pg_database WHERE datname = ${name}`;
  return row;
}

Deno.test("two processes that use a server first make one template", async () => {
  await using it = await scene();
  const servers = [1, 2].map(() => new PostgresServer(testAddress(), { blueprint: it.blueprint }));
  await Promise.all(servers.map((server) => server.prepare()));
  const first = await databaseOf(it.admin, it.name);
  assert.equal(first?.["datistemplate"], true);
  assert.equal(first?.["datallowconn"], false);
  assert.equal(first?.["encoding"], "UTF8");
  assert.doesNotMatch(String(first?.["acl"]), /[{,]=/, "PUBLIC has rights on it");
  await Promise.all(servers.map((server) => server.prepare()));
  assert.deepEqual(await databaseOf(it.admin, it.name), first);
  await Promise.all(servers.map((server) => server.close()));
});

Deno.test("a template whose making was broken off is removed and made anew", async () => {
  await using it = await scene();
  await it.admin.unsafe(`CREATE DATABASE ${it.name} TEMPLATE template0`);
  const half = await databaseOf(it.admin, it.name);
  await ensureTemplate(it.admin, testAddress(), it.blueprint);
  const whole = await databaseOf(it.admin, it.name);
  assert.notEqual(whole?.["oid"], half?.["oid"]);
  assert.equal(whole?.["datistemplate"], true);
});

Deno.test("a template whose steps fail is never taken for finished", async () => {
  await using it = await scene();
  const failing: Blueprint = {
    ...it.blueprint,
    steps: [...it.blueprint.steps, { name: "wrong", sql: "SELECT 1 / 0" }],
  };
  const name = await templateName(failing, await majorVersion(it.admin));
  await assert.rejects(ensureTemplate(it.admin, testAddress(), failing), { code: "22012" });
  assert.equal((await databaseOf(it.admin, name))?.["datistemplate"], false);
  await assert.rejects(ensureTemplate(it.admin, testAddress(), failing), { code: "22012" });
  await it.admin.unsafe(`DROP DATABASE ${name}`);
});

Deno.test("making a template removes those of earlier versions", async () => {
  await using old = await scene(0);
  await ensureTemplate(old.admin, testAddress(), old.blueprint);
  assert.ok(await databaseOf(old.admin, old.name));
  await using present = await scene();
  await ensureTemplate(present.admin, testAddress(), present.blueprint);
  assert.equal(await databaseOf(old.admin, old.name), undefined);
});

Deno.test("a project's database has nothing open to PUBLIC but what is listed", async () => {
  await using project = await testProject();
  const admin = project.as("admin");
  const names = await forbiddenFunctions(admin);
  for (const name of ["set_config", "pg_read_file", "query_to_xml", "lo_creat", "pg_sleep"]) {
    assert.ok(names.has(name), name);
  }
  for (const name of ["lower", "now", "nextval", "random", "jsonb_agg", "pg_typeof"]) {
    assert.ok(!names.has(name), name);
  }
  const callable = await admin<{ proname: string }[]>`
    SELECT DISTINCT p.proname FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace
      AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')`;
  assert.deepEqual(
    callable.map(({ proname }) => proname).filter((name) => names.has(name)).sort(),
    ["pg_get_userbyid"],
  );
  const readable = await admin<{ relname: string }[]>`
    SELECT c.relname FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v')
      AND pg_catalog.has_table_privilege('public', c.oid, 'SELECT')`;
  assert.equal(readable.length, 44);
  assert.deepEqual(
    [
      ...await admin`
      SELECT c.relname FROM pg_catalog.pg_class AS c, LATERAL pg_catalog.aclexplode(c.relacl) AS item
      WHERE c.relnamespace = 'pg_catalog'::regnamespace AND item.grantee = 0
        AND (item.privilege_type <> 'SELECT' OR c.relisshared)`,
    ],
    [],
  );
  assert.deepEqual(
    [
      ...await admin`
      SELECT l.lanname FROM pg_catalog.pg_language AS l
      WHERE l.lanpltrusted AND pg_catalog.has_language_privilege('public', l.oid, 'USAGE')`,
    ],
    [],
  );
});
