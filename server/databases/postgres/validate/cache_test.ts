import assert from "node:assert/strict";
import { OutcomeCache } from "./cache.ts";
import type { Outcome } from "./outcome.ts";

const outcome = (message: string): Outcome => ({
  code: "QUERY_FORBIDDEN",
  refusal: { message },
});

Deno.test("the least recently used text goes first when there are too many", () => {
  const cache = new OutcomeCache(3, Infinity);
  for (const text of ["a", "b", "c"]) cache.set(text, outcome(text));
  cache.get("a");
  cache.set("d", outcome("d"));
  assert.deepEqual(cache.get("a"), outcome("a"));
  assert.equal(cache.get("b"), undefined);
  assert.equal(cache.size, 3);
});

Deno.test("the size in bytes is bounded, whatever the texts' length", () => {
  const cache = new OutcomeCache(1_000_000, 300_000);
  for (let i = 0; i < 2000; i++) {
    cache.set(`${i}`.padEnd(i % 2 === 0 ? 100 : 3000, "x"), outcome("o"));
    assert.ok(cache.bytes <= 300_000);
  }
  assert.ok(cache.size > 20);
  assert.equal(cache.get("0".padEnd(100, "x")), undefined);
});

Deno.test("long texts are known by digest and never mistaken for one another", () => {
  const cache = new OutcomeCache(100, Infinity);
  const long = (end: string) => "x".repeat(100_000) + end;
  cache.set(long("a"), outcome("a"));
  cache.set(long("b"), outcome("b"));
  assert.deepEqual(cache.get(long("a")), outcome("a"));
  assert.deepEqual(cache.get(long("b")), outcome("b"));
  assert.equal(cache.get(long("c")), undefined);
  assert.ok(cache.bytes < 3000);
});

Deno.test("a text judged again replaces what was kept, and its size", () => {
  const cache = new OutcomeCache(100, Infinity);
  cache.set("a", outcome("1"));
  const bytes = cache.bytes;
  cache.set("a", outcome("2"));
  assert.deepEqual(cache.get("a"), outcome("2"));
  assert.equal(cache.bytes, bytes);
});

Deno.test("a text that missed its deadline is banned for a minute, then for two, then for good judged", () => {
  const now = Date.now;
  let time = now();
  Date.now = () => time;
  try {
    const cache = new OutcomeCache(100, Infinity);
    cache.ban("a", outcome("late"));
    time += 59_000;
    assert.deepEqual(cache.get("a"), outcome("late"));
    time += 2_000;
    assert.equal(cache.get("a"), undefined);
    cache.ban("a", outcome("late"));
    time += 119_000;
    assert.deepEqual(cache.get("a"), outcome("late"));
    time += 2_000;
    assert.equal(cache.get("a"), undefined);
    cache.set("a", outcome("judged"));
    time += 1e12;
    assert.deepEqual(cache.get("a"), outcome("judged"));
  } finally {
    Date.now = now;
  }
});
