import { deepEqual, equal } from "node:assert/strict";
import { leftovers, type ScratchPlane, scratchPlane } from "../testing/control_plane.ts";
import { dieAt } from "../testing/dying_plane.ts";
import type { LifeCycleStep } from "./workers.ts";

const CREATING: readonly LifeCycleStep[] = ["row written", "database made", "ready"];
const CREATING_INSIDE = [
  "template",
  "logins",
  "database",
  "closed",
  "reachable",
  "contents",
  "open",
];
const DELETING: readonly LifeCycleStep[] = [
  "marked as deleting",
  "database dropped",
  "drop recorded",
  "row removed",
];
const DELETING_INSIDE = [
  "closed",
  "slots",
  "database",
  "owner",
  "service_rw",
  "service_ro",
  "user_rw",
  "user_ro",
  "loader",
];

const steps = (plane: readonly string[], dialect: readonly string[]) => [
  ...plane.map((step) => ({ teller: "plane" as const, step })),
  ...dialect.map((step) => ({ teller: "dialect" as const, step })),
];

async function tokenOf({ sql }: ScratchPlane): Promise<string | undefined> {
  const [row] = await sql<{ token: string }[]>`SELECT token FROM fluxbase_control.projects`;
  return row?.token;
}

async function stateOf({ sql }: ScratchPlane): Promise<string> {
  const [row] = await sql<{ state: string }[]>`SELECT state FROM fluxbase_control.projects`;
  return row?.state ?? "absent";
}

for (const { teller, step } of steps(CREATING, CREATING_INSIDE)) {
  Deno.test(`a creation killed after "${step}" (${teller}) is finished by the next start (invariant 5)`, async () => {
    await using scratch = await scratchPlane();
    await dieAt({ url: scratch.url, project: "shop", act: "create", teller, step });
    equal(await stateOf(scratch), step === "ready" ? "ready" : "creating");
    const plane = await scratch.open();
    await plane.settle(15_000);
    const project = await plane.getProject("shop");
    equal(project.state, "ready");
    const token = await tokenOf(scratch) ?? "";
    equal((await leftovers(scratch.sql, token)).length, 7, "a database and six logins");
    equal(
      (await (await plane.open("shop")).database.execute(
        { role: "owner", allows: "ddl" },
        { query: "CREATE TABLE t (id int)" },
        { timeoutMs: 5_000, maxRows: 1, maxBytes: 10_000 },
      )).command,
      "CREATE TABLE",
    );
  });
}

for (const { teller, step } of steps(DELETING, DELETING_INSIDE)) {
  Deno.test(`a removal killed after "${step}" (${teller}) goes on until nothing is left (invariant 5)`, async () => {
    await using scratch = await scratchPlane();
    const before = await scratch.open();
    await before.createProject({ id: "shop", dialect: "postgres" });
    const token = await tokenOf(scratch) ?? "";
    await scratch.sql`
      INSERT INTO fluxbase_control.keys (id, project_id, kind, scopes, hash)
      VALUES ('k', 'shop', 'secret', '{sql:read}', '')`;
    await before.close();
    await dieAt({ url: scratch.url, project: "shop", act: "delete", teller, step });
    equal(await stateOf(scratch), step === "row removed" ? "absent" : "deleting");
    deepEqual([...await scratch.sql`SELECT id FROM fluxbase_control.keys`], []);
    const plane = await scratch.open();
    await plane.settle(15_000);
    deepEqual(await leftovers(scratch.sql, token), []);
    equal(await stateOf(scratch), "absent");
  });
}

Deno.test("what a killed process left undone is finished by one that lives (invariant 5)", async () => {
  await using scratch = await scratchPlane();
  const living = await scratch.open();
  await dieAt({
    url: scratch.url,
    project: "shop",
    act: "create",
    teller: "dialect",
    step: "database",
  });
  await living.settle(15_000);
  equal((await living.getProject("shop")).state, "ready");
});
