import assert from "node:assert/strict";
import { FORBIDDEN_FUNCTIONS } from "./functions.ts";
import { type Judgement, Lane } from "./lane.ts";

const MODULE = new URL("./testing/stalling_worker.ts", import.meta.url);

function openLane(deadlineMs: number): Lane & Disposable {
  const lane = new Lane({
    forbiddenFunctions: [...FORBIDDEN_FUNCTIONS],
    deadlineOf: () => deadlineMs,
    module: MODULE,
  });
  return Object.assign(lane, { [Symbol.dispose]: () => lane.close() });
}

/** `read`, `QUERY_SYNTAX`, `deadline`, … */
function word(judgement: Judgement): string {
  if ("killed" in judgement) return judgement.killed;
  const { outcome } = judgement;
  return "refusal" in outcome ? outcome.code : outcome.verdict.class;
}

Deno.test("starting the worker does not count towards the deadline", async () => {
  using lane = openLane(50);
  assert.equal(word(await lane.judge("select 1", "a")), "read");
});

Deno.test("a text that stalls is ended by its deadline; the fifty behind it get their answers", async () => {
  using lane = openLane(250);
  await lane.ready();
  const start = performance.now();
  const stalled = lane.judge("stall", "a");
  const others = Array.from(
    { length: 50 },
    (_, i) => [lane.judge(`select ${i}`, "a"), lane.judge(`delete from t${i}`, "b")],
  ).flat();
  assert.equal(word(await stalled), "deadline");
  const killedAfter = performance.now() - start;
  assert.ok(killedAfter >= 245, `killed after ${killedAfter} ms`);
  const words = (await Promise.all(others)).map(word);
  assert.deepEqual(words, Array.from({ length: 50 }, () => ["read", "write"]).flat());
  assert.ok(performance.now() - start < 3000);
});

Deno.test("patience multiplies the deadline of one text", async () => {
  using lane = openLane(60);
  await lane.ready();
  const start = performance.now();
  assert.equal(word(await lane.judge("stall", "a", 5)), "deadline");
  assert.ok(performance.now() - start >= 295);
});

Deno.test("a text that breaks the worker is refused; those behind it get their answers", async () => {
  using lane = openLane(5000);
  const texts = ["select 1", "break", "select 2", "break", "delete from t", "selct"];
  const words = await Promise.all(texts.map(async (text) => word(await lane.judge(text, "a"))));
  assert.deepEqual(words, ["read", "broken", "read", "broken", "write", "QUERY_SYNTAX"]);
});

Deno.test("several stalling texts each cost one deadline and no one else's answer", async () => {
  using lane = openLane(150);
  await lane.ready();
  const texts = ["stall", "select 1", "stall", "select 2", "stall", "select 3"];
  const words = await Promise.all(texts.map(async (text) => word(await lane.judge(text, "a"))));
  assert.deepEqual(words, ["deadline", "read", "deadline", "read", "deadline", "read"]);
});

Deno.test("an answer that lies unread while this thread is busy is no missed deadline", async () => {
  using lane = openLane(60);
  await lane.ready();
  const answer = lane.judge("select 1", "a");
  const until = performance.now() + 300;
  while (performance.now() < until);
  assert.equal(word(await answer), "read");
});

Deno.test("one project's long line does not stand before another's statement", async () => {
  using lane = openLane(5000);
  await lane.ready();
  const order: string[] = [];
  const note = (owner: string) => () => void order.push(owner);
  const heavy = `select ${"1, ".repeat(200)} 1`;
  const line = Array.from(
    { length: 200 },
    (_, i) => lane.judge(`${heavy} -- ${i}`, "a").then(note("a")),
  );
  const single = lane.judge("select 1", "b").then(note("b"));
  await Promise.all([...line, single]);
  assert.ok(order.indexOf("b") < 20, `came as number ${order.indexOf("b")}`);
});

Deno.test("too much of one project's waiting is refused as overload; others still get in", async () => {
  using lane = openLane(60_000);
  const text = "x".repeat(1024 * 1024);
  const waiting = Array.from({ length: 16 }, (_, i) => lane.judge(`${text}${i}`, "a"));
  await assert.rejects(lane.judge("select 1", "a"), { code: "OVERLOADED", retryable: true });
  assert.equal(word(await lane.judge("select 1", "b")), "read");
  assert.deepEqual(new Set((await Promise.all(waiting)).map(word)), new Set(["QUERY_SYNTAX"]));
});

Deno.test("a worker that cannot start fails those who wait, and the next try starts anew", async () => {
  const lane = new Lane({
    forbiddenFunctions: [],
    deadlineOf: () => 1000,
    module: new URL("./testing/unable_worker.ts", import.meta.url),
  });
  await assert.rejects(lane.judge("select 1", "a"), { code: "INTERNAL" });
  await assert.rejects(lane.ready(), { code: "INTERNAL" });
  lane.close();
});
