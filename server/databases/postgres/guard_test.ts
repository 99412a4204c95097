import assert from "node:assert/strict";
import { FluxbaseError } from "../../errors.ts";
import { guard, MAX_QUERY_BYTES } from "./guard.ts";

/** The refusal of a text: its message and position. */
function refusal(query: string, maxBytes?: number): [string, number | undefined] {
  try {
    guard(query, maxBytes);
  } catch (error) {
    assert.ok(error instanceof FluxbaseError);
    assert.equal(error.code, "QUERY_FORBIDDEN");
    return [error.message, error.fields.position];
  }
  throw new assert.AssertionError({ message: `Let through: ${query.slice(0, 60)}` });
}

Deno.test("the guard lets ordinary statements through", () => {
  for (
    const query of [
      "",
      "select 1",
      "select 'Grüße, 世界, 😀'",
      `-- ${"-".repeat(500)}\nselect 1`,
      `/*${"*".repeat(500)}*/ select 1`,
      `-- ${"=".repeat(500)}\nselect 1`,
      "select '" + "+-".repeat(60) + "'",
      "select 1 " + "/**/".repeat(10) + " + 1",
      "select " + "- ".repeat(5000) + "1",
      "select '" + "QUJD+/=".repeat(5000) + "'",
    ]
  ) guard(query);
});

Deno.test("the guard refuses a NUL, at its position in code points", () => {
  assert.deepEqual(refusal("select '😀é' \0; drop table t"), [
    "The statement contains a NUL character",
    13,
  ]);
});

Deno.test("the guard refuses half a surrogate pair, wherever it stands", () => {
  const message = "The statement contains half a surrogate pair";
  assert.deepEqual(refusal("select '😀\ud83d'"), [message, 10]);
  assert.deepEqual(refusal("select '\udc00'"), [message, 9]);
  assert.deepEqual(refusal("\ud83d"), [message, 1]);
});

Deno.test("the guard counts the length in bytes of UTF-8, to the byte", () => {
  guard("a".repeat(MAX_QUERY_BYTES));
  assert.match(refusal("a".repeat(MAX_QUERY_BYTES + 1))[0], /longer than 262144 bytes/);
  for (const [char, bytes] of [["a", 1], ["é", 2], ["世", 3], ["😀", 4]] as const) {
    guard(char.repeat(100), 100 * bytes);
    assert.match(refusal(char.repeat(100), 100 * bytes - 1)[0], /longer than/);
  }
});

Deno.test("the guard refuses runs of operator characters that a scanner reads again and again", () => {
  for (
    const run of [
      "/*".repeat(65),
      "+".repeat(129),
      "+-".repeat(65),
      "*/".repeat(100),
      "/**/".repeat(40),
      "=".repeat(1000) + "+=".repeat(40),
      "-+".repeat(1000),
      "<>".repeat(100),
    ]
  ) {
    assert.deepEqual(refusal(`select 'é' ${run} 1`), [
      "A run of more than 128 operator characters is not allowed",
      12,
    ], run.slice(0, 20));
  }
});

Deno.test("a run of 128 operator characters passes, and one of 129 does not", () => {
  guard("select " + "+".repeat(128));
  assert.equal(refusal("select " + "+".repeat(129))[1], 8);
  guard("select " + "/*".repeat(64));
});

Deno.test("the guard's work grows no faster than the text", () => {
  const texts = [
    "/*".repeat(64) + " ",
    "+".repeat(128) + " ",
    "a",
    "é",
    "😀",
    "=".repeat(1000) + " ",
    "'a' ",
  ].map((unit) => (length: number) => unit.repeat(Math.floor(length / unit.length)));
  for (const text of texts) {
    const time = (length: number) => {
      const query = text(length);
      let best = Infinity;
      for (let i = 0; i < 5; i++) {
        const start = performance.now();
        guard(query, 64 * MAX_QUERY_BYTES);
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    time(50_000);
    const small = time(100_000);
    const large = time(1_600_000);
    // 16 times the text; a square would be 256 times the work.
    assert.ok(large < 64 * small + 50, `${small} ms became ${large} ms`);
  }
});
