import assert from "node:assert/strict";
import {
  connectAs,
  newPlacement,
  testAddress,
  testProject,
} from "../../testing/postgres_project.ts";
import { type Placement, ROLE_NAMES } from "../database.ts";
import { databaseName, loginName } from "./address.ts";
import { type Admin, connectAdmin, errorCode } from "./admin.ts";
import { PostgresServer } from "./server.ts";
import { BLUEPRINT, type Blueprint } from "./template/steps.ts";
import { dropTemplate, majorVersion, templateName } from "./template/template.ts";

/** Databases, logins and whatever else on the server carries the project's token. */
async function leftovers(admin: Admin, placement: Placement): Promise<string[]> {
  const pattern = `%${placement.token}%`;
  const rows = await admin<{ name: string }[]>`
    SELECT datname AS name FROM pg_catalog.pg_database WHERE datname LIKE ${pattern}
    UNION ALL SELECT rolname FROM pg_catalog.pg_roles WHERE rolname LIKE ${pattern}
    UNION ALL SELECT slot_name FROM pg_catalog.pg_replication_slots
      WHERE database LIKE ${pattern}
    UNION ALL SELECT 'setting of ' || s.setrole FROM pg_catalog.pg_db_role_setting AS s
      WHERE s.setrole <> 0 AND s.setrole NOT IN (SELECT oid FROM pg_catalog.pg_roles)`;
  return rows.map(({ name }) => name);
}

/** Every login works, and may do what its role is for. */
async function assertWhole(server: PostgresServer, placement: Placement): Promise<void> {
  const address = addresses.get(server);
  assert.ok(address);
  for (const role of ROLE_NAMES) {
    const sql = connectAs(address, placement, role);
    const [row] =
      await sql`select current_user::text as login, current_schemas(false)::text as path`;
    assert.deepEqual(row, { login: loginName(placement, role), path: "{public,extensions}" });
    await sql.end();
  }
  const owner = connectAs(address, placement, "owner");
  await owner`create table whole (a int)`;
  const writer = connectAs(address, placement, "service_rw");
  assert.deepEqual([...await writer`insert into whole values (1) returning a`], [{ a: 1 }]);
  await writer.end();
  await owner`drop table whole`;
  await owner.end();
}

const addresses = new WeakMap<PostgresServer, ReturnType<typeof testAddress>>();

/** A server whose runs can be broken off after a step, and the administrator's view of it. */
function breakable() {
  const address = testAddress();
  const steps: string[] = [];
  let breakAfter: string | undefined;
  const server = new PostgresServer(address, {
    onStep: (step) => {
      steps.push(step);
      if (step === breakAfter) throw new Error(`Broken off after ${step}`);
    },
  });
  addresses.set(server, address);
  const admin = connectAdmin(address);
  return {
    server,
    admin,
    address,
    steps,
    breakAfter: (step: string | undefined) => {
      breakAfter = step;
      steps.length = 0;
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await admin.end();
    },
  };
}

Deno.test("a project is made with all its logins, made again without harm, and removed without trace", async () => {
  await using it = breakable();
  const placement = newPlacement();
  await it.server.create(placement);
  await assertWhole(it.server, placement);
  await it.server.create(placement);
  await assertWhole(it.server, placement);
  await it.server.drop(placement);
  assert.deepEqual(await leftovers(it.admin, placement), []);
  await it.server.drop(placement);
});

Deno.test("making a project that was broken off after any step is finished by the next call", async () => {
  await using it = breakable();
  const reference = newPlacement();
  await it.server.create(reference);
  const steps = [...it.steps];
  await it.server.drop(reference);
  assert.deepEqual(steps, [
    "template",
    "logins",
    "database",
    "closed",
    "reachable",
    "contents",
    "open",
  ]);
  for (const step of steps) {
    const placement = newPlacement();
    it.breakAfter(step);
    await assert.rejects(it.server.create(placement), { message: `Broken off after ${step}` });
    if (step !== "open") {
      const early = connectAs(it.address, placement, "owner");
      await assert.rejects(early`select 1`, `entered after ${step}`);
      await early.end();
    }
    it.breakAfter(undefined);
    await it.server.create(placement);
    await assertWhole(it.server, placement);
    await it.server.drop(placement);
    assert.deepEqual(await leftovers(it.admin, placement), [], step);
  }
});

Deno.test("a project half made after any step can be removed", async () => {
  await using it = breakable();
  for (const step of ["logins", "database", "closed", "reachable", "contents"]) {
    const placement = newPlacement();
    it.breakAfter(step);
    await assert.rejects(it.server.create(placement));
    it.breakAfter(undefined);
    await it.server.drop(placement);
    assert.deepEqual(await leftovers(it.admin, placement), [], step);
  }
});

Deno.test("removing a project that was broken off after any step is finished by the next call", async () => {
  await using it = breakable();
  for (const step of ["closed", "prepared", "slots", "database", ...ROLE_NAMES]) {
    const placement = newPlacement();
    it.breakAfter(undefined);
    await it.server.create(placement);
    it.breakAfter(step);
    await assert.rejects(it.server.drop(placement), { message: `Broken off after ${step}` });
    const late = connectAs(it.address, placement, "owner");
    await assert.rejects(late`select 1`, `entered after ${step}`);
    await late.end();
    it.breakAfter(undefined);
    await it.server.drop(placement);
    assert.deepEqual(await leftovers(it.admin, placement), [], step);
  }
});

Deno.test("a process killed at any moment of making or removing leaves nothing that the next cannot finish", async () => {
  await using it = breakable();
  const runner = new URL("../../testing/provision_runner.ts", import.meta.url).pathname;
  for (const delay of [0, 5, 10, 20, 35, 50, 80, 120]) {
    const placement = newPlacement();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", runner, it.address.adminUrl, placement.token],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    // It says so when it is about to begin; what it does then is killed a moment later.
    const reader = child.stdout.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await it.server.create(placement);
    await assertWhole(it.server, placement);
    await it.server.drop(placement);
    assert.deepEqual(await leftovers(it.admin, placement), [], `killed after ${delay} ms`);
  }
});

Deno.test("two processes that make or remove one project at once do not collide", async () => {
  await using one = breakable();
  await using two = breakable();
  const placement = newPlacement();
  await Promise.all([one.server.create(placement), two.server.create(placement)]);
  await Promise.all([one.server.migrate(placement), two.server.migrate(placement)]);
  await Promise.all([one.server.drop(placement), two.server.drop(placement)]);
  assert.deepEqual(await leftovers(one.admin, placement), []);
});

Deno.test("many projects are made and removed at once over few connections", async () => {
  await using it = breakable();
  const placements = Array.from({ length: 8 }, newPlacement);
  await Promise.all(placements.map((placement) => it.server.create(placement)));
  await Promise.all(placements.map((placement) => it.server.drop(placement)));
  for (const placement of placements) {
    assert.deepEqual(await leftovers(it.admin, placement), []);
  }
});

Deno.test("a project with sessions, a replication slot and a prepared transaction is removed", async () => {
  await using it = breakable();
  const placement = newPlacement();
  await it.server.create(placement);
  const inside = connectAdmin(it.address, { database: databaseName(placement) });
  await inside`SELECT pg_catalog.pg_create_logical_replication_slot(
    ${`slot_${placement.token}`}, 'pgoutput')`;
  const [{ prepared } = { prepared: "0" }] = await inside<{ prepared: string }[]>`
    SELECT pg_catalog.current_setting('max_prepared_transactions') AS prepared`;
  await inside.end();
  const owner = connectAs(it.address, placement, "owner");
  const prepare = owner.unsafe("begin; create table t (); prepare transaction 'it''s'").simple();
  // A server without prepared transactions refuses them; one with them has to lose this one.
  if (prepared === "0") await assert.rejects(prepare, { code: "55000" });
  else await prepare;
  await owner.unsafe("rollback");
  const busy = owner`select count(*) from generate_series(1, 1e12)`.catch(errorCode);
  await new Promise((resolve) => setTimeout(resolve, 50));
  try {
    await it.server.drop(placement);
    assert.match(String(await busy), /^(57P01|CONNECTION_CLOSED)$/);
  } finally {
    await owner.end({ timeout: 0 });
  }
  assert.deepEqual(await leftovers(it.admin, placement), []);
});

Deno.test("a project whose logins another database names in rights and policies is removed", async () => {
  await using other = await testProject();
  await using it = breakable();
  const placement = newPlacement();
  await it.server.create(placement);
  const foreign = loginName(placement, "user_ro");
  await other.as("owner")`create table t (a int)`;
  // As the administrator, whom the guards let pass: as if a wall had failed.
  await other.as("admin").unsafe(`
    GRANT SELECT ON public.t TO ${foreign};
    CREATE POLICY p ON public.t TO ${foreign} USING (true);
    ALTER DEFAULT PRIVILEGES FOR ROLE ${other.logins.owner} GRANT SELECT ON TABLES TO ${foreign};
    GRANT CONNECT ON DATABASE ${other.database} TO ${foreign};
  `).simple();
  await it.server.drop(placement);
  assert.deepEqual(await leftovers(it.admin, placement), []);
  assert.deepEqual([...await other.as("owner")`select * from t`], []);
});

Deno.test("calling again mends logins that a tenant's own code has changed", async () => {
  await using project = await testProject();
  const owner = project.as("owner");
  await owner`alter role current_user set search_path = nowhere`;
  await owner`alter role current_user set default_transaction_read_only = on`;
  await owner`alter role current_user password 'mine'`;
  await project.server.create(project.placement);
  const again = connectAs(project.address, project.placement, "owner");
  const [row] = await again`select current_schemas(false)::text as path`;
  assert.equal(row?.["path"], "{public,extensions}");
  await again`create table t (a int)`;
  await again.end();
});

Deno.test("logins are opaque, powerless and limited", async () => {
  await using project = await testProject({ limits: { connections: 7, tempFileKb: 1234 } });
  const rows = await project.as("admin")`
    SELECT r.*, (SELECT array_to_string(s.setconfig, ' ') FROM pg_catalog.pg_db_role_setting AS s
        WHERE s.setrole = r.oid) AS config,
      EXISTS (SELECT FROM pg_catalog.pg_auth_members AS m WHERE r.oid IN (m.member, m.roleid)) AS member
    FROM pg_catalog.pg_roles AS r WHERE r.rolname LIKE ${`${project.database}\\_%`}`;
  assert.equal(rows.length, ROLE_NAMES.length);
  const above = ["service_rw", "service_ro", "loader"] as const;
  for (const row of rows) {
    assert.match(String(row["rolname"]), /^p_[0-9a-f]{32}_[a-z]+$/);
    assert.equal(row["rolcanlogin"], true);
    for (
      const power of ["rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolinherit"]
    ) {
      assert.equal(row[power], false, power);
    }
    assert.equal(row["member"], false);
    assert.equal(row["rolconnlimit"], 7);
    assert.equal(
      row["rolbypassrls"],
      above.some((role) => project.logins[role] === row["rolname"]),
    );
    assert.match(String(row["config"]), /temp_file_limit=1234/);
    assert.equal(
      /default_transaction_read_only=on/.test(String(row["config"])),
      /_(sro|uro)$/.test(String(row["rolname"])),
    );
  }
});

/** What the platform keeps inside a project's database, as the catalog has it. */
async function catalogOf(admin: Admin, database: string): Promise<unknown> {
  const text = (rows: readonly object[]) =>
    rows.map((row) => JSON.stringify(row).replaceAll(database, "p"));
  return {
    functions: text(
      await admin`
      SELECT p.oid::pg_catalog.regprocedure::text AS name, pg_catalog.pg_get_functiondef(p.oid) AS text,
        p.proacl::text AS acl
      FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = 'fluxbase'::regnamespace ORDER BY 1`,
    ),
    eventTriggers: text(
      await admin`
      SELECT evtname, evtevent, evtenabled, evttags::text AS tags, evtfoid::regproc::text AS calls
      FROM pg_catalog.pg_event_trigger ORDER BY 1`,
    ),
    defaultRights: text(
      await admin`
      SELECT defaclrole::regrole::text AS role, defaclnamespace::regnamespace::text AS schema,
        defaclobjtype AS kind, item.grantee::regrole::text AS grantee, item.privilege_type AS verb
      FROM pg_catalog.pg_default_acl, LATERAL pg_catalog.aclexplode(defaclacl) AS item
      ORDER BY 1, 2, 3, 4, 5`,
    ),
    schemas: text(
      await admin`
      SELECT nspname, nspowner::regrole::text AS owner, item.grantee::regrole::text AS grantee,
        item.privilege_type AS verb
      FROM pg_catalog.pg_namespace, LATERAL pg_catalog.aclexplode(nspacl) AS item
      WHERE nspname IN ('public', 'extensions', 'fluxbase') ORDER BY 1, 2, 3, 4`,
    ),
    columns: text(
      await admin`
      SELECT a.attrelid::regclass::text AS relation, a.attname, a.atttypid::regtype::text AS type,
        a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS fallback
      FROM pg_catalog.pg_attribute AS a
      LEFT JOIN pg_catalog.pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
      WHERE a.attnum > 0 AND a.attrelid IN (SELECT c.oid FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'fluxbase'::regnamespace) ORDER BY 1, 2`,
    ),
    functionRights: text(
      await admin`
      SELECT p.oid::pg_catalog.regprocedure::text AS name, p.proacl::text AS acl
      FROM pg_catalog.pg_proc AS p WHERE p.proacl IS NOT NULL
        AND p.pronamespace = 'pg_catalog'::regnamespace ORDER BY 1`,
    ),
    relationRights: text(
      await admin`
      SELECT c.oid::regclass::text AS name, item.grantee::regrole::text AS grantee,
        item.privilege_type AS verb
      FROM pg_catalog.pg_class AS c, LATERAL pg_catalog.aclexplode(c.relacl) AS item
      WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'fluxbase'::regnamespace)
      ORDER BY 1, 2, 3`,
    ),
    migrations: text(
      await admin`
      SELECT step, checksum, template_version FROM fluxbase.migrations ORDER BY 1`,
    ),
  };
}

/** A blueprint of long ago: fewer walls, another guard, wider rights. */
const OLD_BLUEPRINT: Blueprint = {
  version: 0,
  steps: [{
    name: "schemas",
    sql: `
      CREATE SCHEMA fluxbase;
      CREATE TABLE fluxbase.migrations (
        step text PRIMARY KEY,
        checksum text NOT NULL,
        template_version integer NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
      );
      CREATE FUNCTION fluxbase.old_guard() RETURNS event_trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN; END';
      CREATE EVENT TRIGGER old_guard ON ddl_command_end EXECUTE FUNCTION fluxbase.old_guard();
    `,
  }],
  grants: ({ owner, service_rw, user_ro }) => `
    GRANT ALL ON SCHEMA public TO ${owner}, ${service_rw};
    ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public
      GRANT ALL ON TABLES TO ${service_rw}, ${user_ro};
  `,
};

Deno.test("a project made by an older template is brought to the catalog of a new one", async () => {
  const old = await testProject({ blueprint: OLD_BLUEPRINT });
  await using fresh = await testProject();
  const newer = new PostgresServer(old.address);
  try {
    const owner = old.as("owner");
    await owner`create table notes (a int)`;
    await owner`insert into notes values (1)`;
    const before = await catalogOf(old.as("admin"), old.database).catch(() => undefined);
    assert.notDeepEqual(before, await catalogOf(fresh.as("admin"), fresh.database));

    await Promise.all([newer.migrate(old.placement), newer.migrate(old.placement)]);
    assert.deepEqual(
      await catalogOf(old.as("admin"), old.database),
      await catalogOf(fresh.as("admin"), fresh.database),
    );
    assert.deepEqual([...await owner`select a from notes`], [{ a: 1 }]);
    await assert.rejects(owner`create rule r as on insert to notes do nothing`, { code: "42501" });
    await newer.migrate(old.placement);
  } finally {
    const template = await templateName(OLD_BLUEPRINT, await majorVersion(fresh.as("admin")));
    await old[Symbol.asyncDispose]();
    await dropTemplate(fresh.as("admin"), template);
    await newer.close();
  }
});

Deno.test("an upgrade that fails leaves the database as it was, and is done by the next call", async () => {
  await using project = await testProject();
  const failing: Blueprint = {
    ...BLUEPRINT,
    version: BLUEPRINT.version + 1,
    steps: [
      ...BLUEPRINT.steps,
      { name: "more", sql: "CREATE TABLE fluxbase.more (a int)" },
      { name: "wrong", sql: "SELECT 1 / 0" },
    ],
  };
  const before = await catalogOf(project.as("admin"), project.database);
  const server = new PostgresServer(project.address, { blueprint: failing });
  await assert.rejects(server.migrate(project.placement), { code: "22012" });
  await server.close();
  assert.deepEqual(await catalogOf(project.as("admin"), project.database), before);
  await project.server.migrate(project.placement);
});
