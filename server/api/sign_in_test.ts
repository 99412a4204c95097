import assert from "node:assert/strict";
import { FluxbaseError } from "../errors.ts";
import { SignIn } from "./sign_in.ts";

const grant = { projectId: "demo", key: "flx_sk_example" };

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (thrown) {
    if (thrown instanceof FluxbaseError) return thrown.code;
    throw thrown;
  }
  return "none";
}

Deno.test("a code opens exactly once, also when it comes twice at the same time", async () => {
  const signIn = new SignIn();
  const code = await signIn.issue(grant);
  assert.match(code, /^[\w-]{22}$/);
  const answers = await Promise.all([1, 2, 3].map(() => codeOf(signIn.redeem(code, "::1"))));
  assert.deepEqual(answers.sort(), ["UNAUTHORIZED", "UNAUTHORIZED", "none"]);
});

Deno.test("a code expires after fifteen minutes", async () => {
  let now = 0;
  const signIn = new SignIn(() => now);
  const code = await signIn.issue(grant);
  now = 15 * 60_000 - 1;
  const early = await signIn.issue(grant);
  now += 15 * 60_000;
  assert.equal(await codeOf(signIn.redeem(early, "::1")), "UNAUTHORIZED");
  assert.notEqual(early, code);
});

Deno.test("a new code takes the older one's place", async () => {
  const signIn = new SignIn();
  const older = await signIn.issue(grant);
  const newer = await signIn.issue(grant);
  assert.equal(await codeOf(signIn.redeem(older, "::1")), "UNAUTHORIZED");
  assert.deepEqual(await signIn.redeem(newer, "::1"), grant);
});

Deno.test("ten wrong codes a minute are answered, more are not, and others may go on", async () => {
  let now = 0;
  const signIn = new SignIn(() => now);
  const code = await signIn.issue(grant);
  for (let attempt = 0; attempt < 10; attempt++) {
    assert.equal(await codeOf(signIn.redeem(`wrong ${attempt}`, "10.0.0.1")), "UNAUTHORIZED");
  }
  assert.equal(await codeOf(signIn.redeem(code, "10.0.0.1")), "RATE_LIMITED");
  assert.deepEqual(await signIn.redeem(code, "10.0.0.2"), grant);
  now = 60_000;
  assert.equal(await codeOf(signIn.redeem("wrong", "10.0.0.1")), "UNAUTHORIZED");
});
