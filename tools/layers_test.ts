import assert from "node:assert/strict";
import plugin, { violation } from "./layers.ts";

const cases: [file: string, specifier: string, typeOnly: boolean, allowed: boolean][] = [
  ["server/api/rest.ts", "../access/keys.ts", false, true],
  ["server/access/keys.ts", "../api/rest.ts", false, false],
  ["server/projects/project.ts", "../databases/database.ts", false, true],
  ["server/databases/postgres/execute.ts", "../../projects/types.ts", true, false],
  ["server/databases/postgres/execute.ts", "../../errors.ts", false, true],
  ["server/databases/mysql/execute.ts", "../postgres/execute.ts", false, false],
  ["server/databases/mysql/execute.ts", "../values.ts", false, true],
  ["server/ingest/worker.ts", "../realtime/hub.ts", false, false],
  ["server/ingest/worker.ts", "../projects/types.ts", false, true],
  ["server/strange/thing.ts", "../errors.ts", false, false],
  ["server/api/rest_test.ts", "../main.ts", false, true],
  ["client/mod.ts", "@fluxbase/server/contract", true, true],
  ["client/mod.ts", "@fluxbase/server/contract", false, false],
  ["client/mod.ts", "../server/errors.ts", false, false],
  ["flatsql/mod.ts", "@fluxbase/server", true, false],
  ["playground/src/main.ts", "@fluxbase/client", false, true],
  ["playground/src/main.ts", "../../server/errors.ts", true, false],
  ["server/app.ts", "@fluxbase/flatsql", false, true],
  ["server/app.ts", "hono", false, true],
];

Deno.test("imports run down the house and never up", () => {
  for (const [file, specifier, typeOnly, allowed] of cases) {
    const why = violation(file, specifier, typeOnly);
    assert.equal(why === undefined, allowed, `${file} imports ${specifier}: ${why ?? "allowed"}`);
  }
});

Deno.test("the lint rule sees static, dynamic and re-exporting imports", () => {
  const source = `
    import { a } from "../api/rest.ts";
    export * from "../api/rest.ts";
    export { b } from "../api/rest.ts";
    await import("../api/rest.ts");
    import type { c } from "../errors.ts";
  `;
  const found = Deno.lint.runPlugin(plugin, "server/databases/example.ts", source);
  assert.deepEqual(found.map((diagnostic) => diagnostic.id), Array(4).fill("fluxbase/layers"));
});
