import assert from "node:assert/strict";
import { testProject } from "../../testing/postgres_project.ts";
import { errorCode } from "./admin.ts";
import { ALLOWED_EXTENSIONS } from "./extensions.ts";

Deno.test("every allowed extension that the server has is installed where all logins find it", async () => {
  await using project = await testProject();
  const available = await project.as("admin")<{ name: string }[]>`
    SELECT name FROM pg_catalog.pg_available_extensions`;
  const names = new Set(available.map(({ name }) => name));
  for (const name of Object.keys(ALLOWED_EXTENSIONS)) {
    const installed = project.server.installExtension(project.placement, name);
    if (names.has(name)) await installed;
    else await assert.rejects(installed, { code: "SERVER_UNSUITABLE" });
  }
  await project.server.installExtension(project.placement, "citext");
  const astray = await project.as("admin")`
    SELECT e.extname FROM pg_catalog.pg_extension AS e
    WHERE e.extnamespace <> 'extensions'::regnamespace AND e.extname <> 'plpgsql'`;
  assert.deepEqual([...astray], []);
  for (const role of ["owner", "service_ro", "user_ro"] as const) {
    const [row] = await project.as(role)`
      select 'A'::citext = 'a' as same, unaccent('é') as plain, similarity('a', 'a') as alike`;
    assert.deepEqual(row, { same: true, plain: "e", alike: 1 });
  }
});

Deno.test("functions of extensions that outlive a request are withheld", async () => {
  await using project = await testProject();
  await project.server.installExtension(project.placement, "pg_trgm");
  await project.server.installExtension(project.placement, "isn");
  for (const query of ["select set_limit(0.9)", "select isn_weak(true)"]) {
    assert.equal(await project.as("user_rw").unsafe(query).then(() => "", errorCode), "42501");
  }
});

Deno.test("an extension that is not on the list is refused, however it is spelt", async () => {
  await using project = await testProject();
  const refused = ["dblink", "file_fdw", "plperlu", "CITEXT", "__proto__", 'citext"; drop', ""];
  for (const name of refused) {
    await assert.rejects(project.server.installExtension(project.placement, name), {
      code: "EXTENSION_FORBIDDEN",
    });
  }
  for (const name of ["dblink", "postgres_fdw", "file_fdw", "adminpack", "plperlu", "lo", "xml2"]) {
    assert.ok(!Object.hasOwn(ALLOWED_EXTENSIONS, name), name);
  }
});
