import { equal, match, notEqual } from "node:assert/strict";
import { generateAdminKey, generateKey, publicIdOf } from "./key_format.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Deno.test("a key tells its kind by its prefix and carries its public id", () => {
  for (const [kind, prefix] of [["secret", "sk"], ["publishable", "pk"]] as const) {
    const { id, key } = generateKey(kind);
    match(key, new RegExp(`^flx_${prefix}_${id}_[0-9A-Za-z]{38}$`));
    match(id, /^[0-9A-Za-z]{12}$/);
    equal(publicIdOf(key), id);
  }
});

Deno.test("no two keys are equal", () => {
  const keys = new Set(Array.from({ length: 1_000 }, () => generateKey("secret").key));
  equal(keys.size, 1_000);
});

Deno.test("any one character changed is noticed by the checksum", () => {
  const { key } = generateKey("secret");
  for (let at = 0; at < key.length; at++) {
    for (const other of ALPHABET) {
      if (key[at] === other) continue;
      const changed = key.slice(0, at) + other + key.slice(at + 1);
      equal(publicIdOf(changed), undefined, changed);
    }
  }
});

Deno.test("what is no key has no public id", () => {
  const { key } = generateKey("secret");
  const others = ["", " ", key.slice(1), `${key}0`, ` ${key}`, `${key}\n`, key.toUpperCase()];
  for (const text of [...others, "flx_sk_", generateAdminKey(), "x".repeat(100_000)]) {
    equal(publicIdOf(text), undefined);
  }
});

Deno.test("characters of keys are drawn evenly", () => {
  const counts = new Map<string, number>();
  let drawn = 0;
  for (let round = 0; round < 5_000; round++) {
    for (const character of generateKey("secret").id) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
      drawn++;
    }
  }
  const expected = drawn / ALPHABET.length;
  let chiSquare = 0;
  for (const character of ALPHABET) {
    chiSquare += ((counts.get(character) ?? 0) - expected) ** 2 / expected;
  }
  // 61 degrees of freedom: exceeded once in some 10^9 fair runs.
  equal(chiSquare < 150, true, `chi-square ${chiSquare}`);
});

Deno.test("an administrator's key is a kind of its own", () => {
  const key = generateAdminKey();
  match(key, /^flx_admin_[0-9A-Za-z]{38}$/);
  notEqual(generateAdminKey(), key);
});
