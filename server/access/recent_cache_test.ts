import { equal } from "node:assert/strict";
import { RecentCache } from "./recent_cache.ts";

Deno.test("a cache never holds more than twice its size", () => {
  const cache = new RecentCache<number>(10);
  for (let index = 0; index < 1_000; index++) {
    cache.set(`k${index}`, index);
    equal(cache.size <= 20, true);
  }
});

Deno.test("what is asked for again and again stays, what is not goes", () => {
  const cache = new RecentCache<number>(10);
  cache.set("hot", 1);
  cache.set("cold", 2);
  for (let index = 0; index < 100; index++) {
    cache.set(`k${index}`, index);
    equal(cache.get("hot"), 1);
  }
  equal(cache.get("cold"), undefined);
});

Deno.test("a deleted entry is gone from both generations", () => {
  const cache = new RecentCache<number>(2);
  for (const key of ["a", "b", "c"]) cache.set(key, 1);
  cache.delete("a");
  cache.deleteWhere(() => true);
  equal(cache.get("a"), undefined);
  equal(cache.size, 0);
});

Deno.test("a value set anew replaces the one of the old generation", () => {
  const cache = new RecentCache<number>(1);
  cache.set("a", 1);
  cache.set("b", 1);
  cache.set("a", 2);
  equal(cache.get("a"), 2);
  cache.set("c", 3);
  equal(cache.get("a"), 2);
});
