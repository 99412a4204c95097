import { deepEqual, equal, notDeepEqual, rejects, throws } from "node:assert/strict";
import { Secrets } from "./secrets.ts";

const secret = new Uint8Array(32).fill(1);

Deno.test("a derived key is the same for the same secret and purpose, and for no other", () => {
  const secrets = new Secrets(secret);
  deepEqual(secrets.derive("a"), new Secrets(secret).derive("a"));
  notDeepEqual(secrets.derive("a"), secrets.derive("b"));
  notDeepEqual(secrets.derive("a"), new Secrets(new Uint8Array(32).fill(2)).derive("a"));
});

Deno.test("a secret of another length than 32 bytes is refused", () => {
  throws(() => new Secrets(new Uint8Array(31)), /must have 32 bytes, not 31/);
});

Deno.test("a sealed text opens again, and two seals of one text differ", async () => {
  const secrets = new Secrets(secret);
  const one = await secrets.seal("urls", "eu", "postgres://me:pässword@host/db");
  const two = await secrets.seal("urls", "eu", "postgres://me:pässword@host/db");
  notDeepEqual(one, two);
  equal(await new Secrets(secret).open("urls", "eu", one), "postgres://me:pässword@host/db");
});

Deno.test("a sealed text opens under no other secret, purpose or context, nor when changed", async () => {
  const secrets = new Secrets(secret);
  const sealed = await secrets.seal("urls", "eu", "text");
  await rejects(new Secrets(new Uint8Array(32)).open("urls", "eu", sealed));
  await rejects(secrets.open("other", "eu", sealed));
  await rejects(secrets.open("urls", "us", sealed));
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    await rejects(secrets.open("urls", "eu", changed));
  }
});
