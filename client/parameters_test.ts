import assert from "node:assert/strict";
import { FluxbaseError } from "./errors.ts";
import { encodeParameters } from "./parameters.ts";

const encoded = (value: unknown) => encodeParameters([value])[0];

Deno.test("values that JSON cannot say exactly travel as text", () => {
  assert.equal(encoded(9223372036854775807n), "9223372036854775807");
  assert.equal(encoded(-0), "-0");
  assert.equal(encoded(NaN), "NaN");
  assert.equal(encoded(-Infinity), "-Infinity");
  assert.equal(encoded(new Date(Date.UTC(2024, 1, 29, 12, 30, 0, 5))), "2024-02-29T12:30:00.005Z");
  assert.equal(encoded(new Date(Date.UTC(12024, 0, 1))), "12024-01-01T00:00:00.000Z");
  assert.equal(encoded(new Date(Date.UTC(-43, 2, 15))), "0044-03-15T00:00:00.000Z BC");
  assert.equal(encoded(Uint8Array.of(0, 255, 128)), "AP+A");
  assert.equal(encoded(Uint8Array.of(1, 0, 255, 128, 2).subarray(1, 4)), "AP+A");
  assert.equal(encoded(Uint8Array.of(0, 255, 128).buffer), "AP+A");
});

Deno.test("values that JSON can say stay what they are", () => {
  for (const value of [null, true, 0, 1.5, -7, "", "it's", [], {}]) {
    assert.deepEqual(encoded(value), value);
  }
});

Deno.test("arrays are encoded item by item, typed and nested ones too", () => {
  assert.deepEqual(encoded([1n, null, [NaN, "x"]]), ["1", null, ["NaN", "x"]]);
  assert.deepEqual(encoded(Float64Array.of(1.5, Infinity)), [1.5, "Infinity"]);
  assert.deepEqual(encoded(BigInt64Array.of(-1n)), ["-1"]);
  assert.deepEqual(encoded([Uint8Array.of(1)]), ["AQ=="]);
});

Deno.test("objects keep their JSON types, and drop undefined members as JSON does", () => {
  const value = { n: 1, big: 5n, when: new Date(0), list: [{ a: undefined }], none: null };
  assert.deepEqual(encoded(value), {
    n: 1,
    big: 5,
    when: "1970-01-01T00:00:00.000Z",
    list: [{}],
    none: null,
  });
  assert.equal(encoded(new URL("http://a.example/")), "http://a.example/");
});

Deno.test("a key named __proto__ is a key like any other", () => {
  const value: unknown = JSON.parse('{"__proto__": {"admin": true}}');
  assert.equal(JSON.stringify(encoded(value)), '{"__proto__":{"admin":true}}');
});

Deno.test("what JSON would lose without a word is refused, with its place", () => {
  const itself: unknown[] = [];
  itself.push(itself);
  const cases: [unknown, RegExp][] = [
    [undefined, /^Parameter \$2 is undefined: pass null/],
    [[1, undefined], /^Parameter \$2\[1\] is undefined/],
    // deno-lint-ignore no-sparse-arrays
    [[1, , 3], /^Parameter \$2\[1\] is undefined/],
    [{ a: { b: NaN } }, /^Parameter \$2\.a\.b holds NaN/],
    [{ id: 2n ** 60n }, /^Parameter \$2\.id holds the bigint 1152921504606846976/],
    [new Map(), /^Parameter \$2 is a Map/],
    [{ set: new Set() }, /^Parameter \$2\.set is a Set/],
    [Promise.resolve(1), /^Parameter \$2 is a promise or a query/],
    [() => 1, /^Parameter \$2 is a function/],
    [Symbol("s"), /^Parameter \$2 is a symbol/],
    [new Date(NaN), /^Parameter \$2 is an invalid Date/],
    [itself, /nests too deep or contains itself/],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => encodeParameters([0, value]), (error) => {
      assert.ok(error instanceof FluxbaseError);
      assert.equal(error.code, "PARAMETER_INVALID");
      assert.match(error.message, message);
      return true;
    });
  }
});
