import assert from "node:assert/strict";
import { OwnValidator } from "./own_validator.ts";

const ACTOR = { role: "service_rw", allows: "write" } as const;
const PROJECT = { token: "0".repeat(32) };

async function refusal(validator: OwnValidator, query: string): Promise<unknown> {
  try {
    await validator.check(query, ACTOR, PROJECT);
    return undefined;
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
}

Deno.test("a server's own list of withheld functions is added to the known one", async () => {
  const validator = new OwnValidator(() => Promise.resolve(new Set(["lower"])));
  assert.equal(await refusal(validator, "SELECT lower('A')"), "QUERY_FORBIDDEN");
  assert.equal(await refusal(validator, "SELECT set_config('a.b', 'c', false)"), "QUERY_FORBIDDEN");
  assert.equal(await refusal(validator, "SELECT upper('a')"), undefined);
  await validator.close();
});

Deno.test("a list that could not be had fails its statements only, and is asked for again", async () => {
  let asked = 0;
  const away = new Error("away");
  const validator = new OwnValidator(() =>
    ++asked === 1 ? Promise.reject(away) : Promise.resolve(new Set<string>())
  );
  assert.equal(await refusal(validator, "SELECT 1"), away);
  assert.equal(await refusal(validator, "SELECT 1"), undefined);
  assert.equal(asked, 2);
  await validator.close();
});
