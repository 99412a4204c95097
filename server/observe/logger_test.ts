import assert from "node:assert/strict";
import { logger, startLogging, stopLogging } from "./logger.ts";

function capture(format: "json" | "pretty", level: "debug" | "info" = "info"): string[] {
  const lines: string[] = [];
  startLogging({ format, level, write: (line) => lines.push(line) });
  return lines;
}

Deno.test("a record is one line of JSON with its fields, errors with cause and stack", () => {
  const lines = capture("json");
  const cause = new Error("the inner cause");
  logger("api").error("Request {requestId} failed", {
    requestId: "r-1",
    big: 2n ** 64n,
    error: new Error("the outer error", { cause }),
  });
  stopLogging();
  assert.equal(lines.length, 1);
  const record = JSON.parse(lines[0] ?? "");
  assert.equal(record.level, "ERROR");
  assert.match(record.message, /r-1/);
  assert.match(lines[0] ?? "", /the outer error/);
  assert.match(lines[0] ?? "", /the inner cause/);
  assert.match(lines[0] ?? "", /18446744073709551616/);
});

Deno.test("what is below the level is not logged", () => {
  const lines = capture("json");
  logger("api").debug("quiet");
  logger("api").info("loud");
  stopLogging();
  assert.equal(lines.length, 1);
});

Deno.test("a secret in a message, a field or an error's text reaches no line", () => {
  for (const format of ["json", "pretty"] as const) {
    const lines = capture(format);
    const secret = "flx_sk_AbCdEfGhIjKl_0123456789abcdefghijklmnopqrstuvwxyzAB";
    logger("api").warn(`used ${secret}`);
    logger("api").warn("used {key}", { key: secret, deep: { authorization: `Bearer ${secret}` } });
    logger("api").warn("failed {error}", { error: new Error(`bad key ${secret}`) });
    stopLogging();
    assert.equal(lines.length, 3);
    assert.ok(!lines.join("").includes("0123456789abcdef"), lines.join(""));
  }
});

Deno.test("a line break in a message or a value cannot forge a second line", () => {
  for (const format of ["json", "pretty"] as const) {
    const lines = capture(format);
    const forged = 'innocent\n{"level":"ERROR","message":"forged"}';
    logger("api").info(forged);
    logger("api").info("value {value}", { value: forged });
    stopLogging();
    for (const line of lines) assert.equal(line.trimEnd().split("\n").length, 1, line);
  }
});

Deno.test("values stand in the message as they are, without quotes", () => {
  const lines = capture("json");
  logger("api").info("Project {project} has {count} keys", { project: "shop", count: 3 });
  stopLogging();
  assert.equal(JSON.parse(lines[0] ?? "").message, "Project shop has 3 keys");
});

Deno.test("for people the stack of an error follows its message", () => {
  const lines = capture("pretty");
  logger("api").error("Request failed: {error}", { error: new Error("the reason") });
  stopLogging();
  assert.match(lines[0] ?? "", /Request failed: the reason\nError: the reason\n {4}at /);
});
