import assert from "node:assert/strict";
import { FairQueue } from "./fair_queue.ts";

Deno.test("owners take turns, each in its own order", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "a3"]) queue.push("a", item);
  queue.push("b", "b1");
  assert.equal(queue.shift(), "a1");
  queue.push("c", "c1");
  assert.equal(queue.size, 4);
  const rest = Array.from({ length: 5 }, () => queue.shift());
  assert.deepEqual(rest, ["b1", "a2", "c1", "a3", undefined]);
  assert.equal(queue.size, 0);
});

Deno.test("weights are counted by owner", () => {
  const queue = new FairQueue<string>();
  queue.push("a", "x", 10);
  queue.push("a", "y", 5);
  queue.push("b", "z", 1);
  assert.deepEqual([queue.weightOf("a"), queue.weightOf("b"), queue.weightOf("c")], [15, 1, 0]);
  queue.shift();
  assert.equal(queue.weightOf("a"), 5);
});
