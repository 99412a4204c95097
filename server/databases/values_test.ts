import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonValue } from "./database.ts";
import { exactJson, exactNumber, floatValue, isRawJson } from "./values.ts";

/** JSON text that went through the server once. */
const through = (text: string) => JSON.stringify(exactJson(text));

Deno.test("floatValue() gives numbers, with -0 kept and NaN and infinities as strings", () => {
  assert.equal(
    JSON.stringify(
      ["0", "-0", "1.5", "1e+21", "5e-324", "NaN", "Infinity", "-Infinity"].map(floatValue),
    ),
    '[0,-0,1.5,1e+21,5e-324,"NaN","Infinity","-Infinity"]',
  );
});

Deno.test("exactNumber() keeps the digits of what a double would change", () => {
  const kept = [
    "9007199254740993",
    "-9223372036854775808",
    "0.1000000000000000055511151231257827",
    "1e400",
    "-1E400",
    "1e-400",
    "-0",
    "-0.0",
    "-0e5",
    "123456789012345678901234567890.5",
  ];
  for (const source of kept) {
    assert.ok(isRawJson(exactNumber(source)), source);
    assert.equal(JSON.stringify(exactNumber(source)), source);
  }
});

Deno.test("exactNumber() gives a plain number where a double carries the value", () => {
  const plain = ["0", "0.0", "0e9", "1.50", "1E2", "1e-7", "100000000000000000000000", "5e-324"];
  for (const source of [...plain, "1.7976931348623157e+308", "9007199254740991", "0.1"]) {
    assert.equal(exactNumber(source), Number(source));
  }
});

Deno.test("exactJson() keeps every number of a document and the rest of it", () => {
  const text = '{"id":9223372036854775807,"list":[-0,1e400,0.1],"text":"1e400, -0","n":null}';
  assert.equal(through(text), text);
});

Deno.test("exactJson() keeps keys that mean something to objects", () => {
  const text = '{"__proto__":{"a":9007199254740993},"constructor":1,"toString":[-0]}';
  assert.equal(through(text), text);
  assert.equal(through('{"__proto__":1}'), '{"__proto__":1}');
});

Deno.test("exactJson() reads documents of ten thousand levels", () => {
  const nested = "[".repeat(10_000) + "]".repeat(10_000);
  assert.equal(through(nested), nested);
});

Deno.test("exactJson() writes numbers beyond a double at a thousand levels, as text below", () => {
  const nested = (levels: number) => "[".repeat(levels) + "1e400" + "]".repeat(levels);
  assert.equal(through(nested(1_000)), nested(1_000));
  assert.equal(exactJson(nested(1_001)), nested(1_001));
});

Deno.test("exactJson() reads escaped keys right after an object with a key of a backslash", () => {
  // V8's JSON.parse takes the key of the object before for the one that it reads (node#63785).
  JSON.parse('{"z":1,"\\\\":2}');
  for (const key of ["\\n", '\\"', "\\u0001"]) {
    assert.equal(through(`{"z":1,"${key}":2}`), `{"z":1,"${key}":2}`);
  }
});

Deno.test("exactJson() refuses what is not JSON", () => {
  for (const text of ["", "{", '{"a\\n":1', "[1e400,]", '{"a\\n" 1}', "[-0", "1e400 x"]) {
    assert.throws(() => exactJson(text), SyntaxError, text);
  }
});

/** Decimal texts of every form that JSON allows, many of them near the limits of a double. */
const numberText = fc.oneof(
  fc.tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.constant("0"), fc.bigInt({ min: 1n, max: 10n ** 25n }).map(String)),
    fc.oneof(fc.constant(""), fc.stringMatching(/^\.[0-9]{1,25}$/)),
    fc.oneof(fc.constant(""), fc.stringMatching(/^[eE][-+]?[0-9]{1,4}$/)),
  ).map((parts) => parts.join("")),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
);

/** JSON texts with white space as PostgreSQL's json type would keep it. */
const document = fc.letrec<{ value: string }>((tie) => {
  const space = fc.constantFrom("", " ", "\n\t");
  // Without escapes: JSON.parse, the oracle below, gets escaped keys wrong at times.
  const key = fc.oneof(
    fc.string({ unit: "grapheme" }).filter((text) => !/["\\]/.test(text)),
    fc.constantFrom("__proto__", "1"),
  )
    .map((text) => `"${text}"`);
  const list = (items: fc.Arbitrary<string>, open: string, close: string) =>
    fc.tuple(space, fc.array(items, { maxLength: 4 })).map(([blank, texts]) =>
      open + blank + texts.join(`,${blank}`) + blank + close
    );
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      numberText,
      fc.constantFrom("null", "true", "false"),
      fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
      list(tie("value"), "[", "]"),
      list(
        fc.tuple(key, space, tie("value")).map(([name, blank, value]) =>
          `${name}:${blank}${value}`
        ),
        "{",
        "}",
      ),
    ),
  };
}).value;

/** Every number of a text as an exact fraction, every string as it is, in order. */
function tokens(text: string): string[] {
  return Array.from(
    text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.]*(?:[eE][-+]?\d+)?|[{}[\]:,]|true|false|null/g),
    ([token]) => /^[-\d]/.test(token) ? decimal(token) : token,
  );
}

function decimal(token: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)\.?(\d*)(?:[eE]([-+]?\d+))?$/.exec(token) ?? [];
  let digits = BigInt(whole + fraction);
  let scale = Number(exponent) - fraction.length;
  while (digits !== 0n && digits % 10n === 0n) {
    digits /= 10n;
    scale++;
  }
  return digits === 0n ? `${sign}0` : `${sign}${digits}e${scale}`;
}

Deno.test("exactJson() changes no number of any document", () => {
  fc.assert(
    fc.property(document, (text) => {
      // Of equal keys only the last is kept, and integer keys move: compare what JSON.parse keeps.
      const shape = (value: JsonValue): JsonValue =>
        isRawJson(value)
          ? Number(value.rawJSON)
          : Array.isArray(value)
          ? value.map(shape)
          : value !== null && typeof value === "object"
          ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item)]))
          : value;
      assert.deepEqual(shape(exactJson(text)), JSON.parse(text));
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.array(numberText), (numbers) => {
      const text = `[${numbers.join(", ")}]`;
      assert.deepEqual(tokens(through(text)), tokens(text));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("exactJson() reads back every value that JSON.stringify wrote", () => {
  const keys = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\\", '"', "\n", "__proto__"),
  );
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) =>
        !Object.is(number, -0)
      ),
      fc.string({ unit: "binary" }),
      fc.array(tie("value")),
      fc.array(fc.tuple(keys, tie("value"))).map((entries) => Object.fromEntries(entries)),
    ),
  }));
  fc.assert(
    fc.property(value, (value) => assert.deepEqual(exactJson(JSON.stringify(value)), value)),
    { numRuns: 3000 },
  );
});
