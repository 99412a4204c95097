import assert from "node:assert/strict";
import { FluxbaseError } from "../../errors.ts";
import { workerPermissions } from "./validate/lane.ts";
import { Validator } from "./validate.ts";

const READER = { role: "service_ro", allows: "read" } as const;
const PROJECT = { token: "0123456789abcdef0123456789abcdef" };

/** Texts that break or hang a bare instance of the parser, each different from all others. */
const KILLERS: readonly ((i: number) => string)[] = [
  (i) => `select ${"1+".repeat(20_000)}${i}`,
  (i) => `select ${"1+".repeat(8000)}${i}`,
  (i) => `select 'a'${"||'a'".repeat(8000)}, ${i}`,
  (i) => `select ${i}${"::int".repeat(8000)}`,
  (i) => `select a${"->'a'".repeat(8000)}, ${i}`,
  (i) => `select ${"case when true then ".repeat(4000)}${i}${" end".repeat(4000)}`,
  (i) => `select ${"(select ".repeat(5000)}${i}${")".repeat(5000)}`,
  (i) => `select ${"f(".repeat(9000)}${i}${")".repeat(9000)}`,
  (i) => `select ${"array[".repeat(9000)}${i}${"]".repeat(9000)}`,
  (i) => `${"select 1 union all ".repeat(9000)}select ${i}`,
  (i) => `select 1 from a${" join a on true".repeat(9000)} where ${i}`,
  (i) => `select ${"not ".repeat(20_000)}${i}`,
  (i) => `select ${i} ${"/*".repeat(20_000)}`,
  (i) => `select ${"+".repeat(40_000)}${i}`,
  (i) => `select ${i} ${"+-".repeat(20_000)}1`,
  (i) => `select ${i}${" collate a".repeat(9000)}`,
  (i) => `select ${"(".repeat(100_000)}${i}`,
];

async function refusal(validator: Validator, query: string): Promise<FluxbaseError> {
  try {
    await validator.check(query, READER, PROJECT);
  } catch (error) {
    if (error instanceof FluxbaseError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: `Let through: ${query.slice(0, 40)}` });
}

Deno.test("sixty texts of each kind that kills the parser leave it working within a second", async () => {
  await using validator = new Validator();
  await validator.ready();
  for (const [kind, killer] of KILLERS.entries()) {
    for (let i = 0; i < 60; i++) {
      const error = await refusal(validator, killer(i));
      // The parser's own "memory exhausted" is a syntax error.
      assert.match(error.code, /^QUERY_(FORBIDDEN|SYNTAX)$/);
      assert.equal(error.retryable, false);
    }
    const start = performance.now();
    const verdict = await validator.check(`select ${kind} as alive`, READER, PROJECT);
    assert.equal(verdict.class, "read");
    assert.ok(performance.now() - start < 1000);
  }
});

Deno.test("after any killer the parser's answers are right, not only given", async () => {
  await using validator = new Validator();
  for (const killer of KILLERS) {
    await refusal(validator, killer(1));
    const query = `select 'é' from t where ${crypto.randomUUID().length} = 36 frm`;
    const error = await refusal(validator, query);
    assert.equal(error.code, "QUERY_SYNTAX");
    assert.equal(error.fields.position, query.length - 2);
  }
});

Deno.test("fifty statements beside each killer all get their right answers", async () => {
  await using validator = new Validator();
  for (const [kind, killer] of KILLERS.entries()) {
    const bad = refusal(validator, killer(kind));
    const good = Array.from({ length: 50 }, async (_, i) => {
      const query = i % 2 === 0 ? `select ${i}, ${kind}` : `delete from t where ${i} = ${kind}`;
      const verdict = await validator.check(query, { role: "owner", allows: "ddl" }, PROJECT);
      return verdict.class;
    });
    assert.deepEqual(
      await Promise.all(good),
      Array.from({ length: 25 }, () => ["read", "write"]).flat(),
    );
    await bad;
  }
});

Deno.test("a killer once refused is known and does not reach the parser again", async () => {
  await using validator = new Validator();
  const killer = `select ${"1+".repeat(8000)}1`;
  const { message } = await refusal(validator, killer);
  // At once: it throws instead of rejecting.
  assert.throws(() => validator.check(killer, READER, PROJECT), {
    code: "QUERY_FORBIDDEN",
    message,
  });
});

Deno.test("a text that outstays its deadline twice is refused, and known from then on", async () => {
  // So short a time that no parser reads so much.
  await using validator = new Validator({ deadlineMs: 0.01 });
  await validator.ready();
  const text = `values ${"(1),".repeat(60_000)}(1)`;
  const error = await refusal(validator, text);
  assert.equal(error.code, "QUERY_FORBIDDEN");
  assert.match(error.message, /The parser could not read the statement within/);
  assert.throws(() => validator.check(text, READER, PROJECT), { message: error.message });
});

Deno.test("long texts have a lane of their own: short ones do not wait for them", async () => {
  await using validator = new Validator();
  await validator.ready();
  const long = Array.from(
    { length: 20 },
    (_, i) => validator.check(`values ${"(1),".repeat(50_000)}(${i})`, READER, PROJECT),
  );
  let done = 0;
  const all = Promise.all(long.map(async (verdict) => {
    await verdict;
    done++;
  }));
  await validator.check("select 1", READER, PROJECT);
  assert.ok(done < 20, `${done} of 20 long texts came first`);
  await all;
});

Deno.test("the worker may read its own code and the parser, and nothing else", async () => {
  const worker = new Worker(new URL("./validate/testing/curious_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: workerPermissions() },
  });
  const { promise, resolve } = Promise.withResolvers<unknown>();
  worker.onmessage = ({ data }) => resolve(data);
  assert.deepEqual(await promise, ["own code"]);
  worker.terminate();
});
