import assert from "node:assert/strict";
import { type DecodeOptions, rowDecoder } from "./rows.ts";

function decoded(type: string, value: unknown, options?: DecodeOptions): unknown {
  return rowDecoder([{ name: "v", type }], options).array([value])[0];
}

Deno.test("by default no type loses anything", () => {
  assert.equal(decoded("int8", "9223372036854775807"), 9223372036854775807n);
  assert.equal(decoded("int4", 7), 7);
  assert.equal(decoded("numeric", "0.10"), "0.10");
  assert.equal(
    decoded("timestamptz", "2024-02-29T12:30:00.000001Z"),
    "2024-02-29T12:30:00.000001Z",
  );
  assert.deepEqual(decoded("bytea", "AP+A"), Uint8Array.of(0, 255, 128));
  assert.ok(Number.isNaN(decoded("float8", "NaN")));
  assert.equal(decoded("float4", "-Infinity"), -Infinity);
  assert.ok(Object.is(decoded("float8", JSON.parse("-0")), -0));
  assert.deepEqual(decoded("jsonb", { a: ["1"] }), { a: ["1"] });
  assert.equal(decoded("text", "NaN"), "NaN");
});

Deno.test("null is null in every type", () => {
  for (const type of ["int8", "float8", "bytea", "timestamptz", "text", "int8[]"]) {
    assert.equal(decoded(type, null, { timestamptz: "date" }), null);
  }
});

Deno.test("arrays are decoded item by item, in every dimension", () => {
  assert.deepEqual(decoded("int8[]", ["1", null, "2"]), [1n, null, 2n]);
  assert.deepEqual(decoded("int8[]", [["1"], ["2"]]), [[1n], [2n]]);
  assert.deepEqual(decoded("bytea[]", ["AQ=="]), [Uint8Array.of(1)]);
  assert.deepEqual(decoded("text[]", ["a", null]), ["a", null]);
});

Deno.test("options choose other forms of int8 and timestamptz", () => {
  assert.equal(decoded("int8", "12", { int8: "string" }), "12");
  assert.equal(decoded("int8", "12", { int8: "number-if-safe" }), 12);
  assert.equal(
    decoded("int8", "9007199254740993", { int8: "number-if-safe" }),
    9007199254740993n,
  );
  const date = { timestamptz: "date" } as const;
  assert.deepEqual(
    decoded("timestamptz[]", ["2024-02-29T12:30:00.123456Z"], date),
    [new Date("2024-02-29T12:30:00.123Z")],
  );
  assert.equal(decoded("timestamptz", "infinity", date), "infinity");
});

Deno.test("of equal column names the last wins in objects, and arrays keep all", () => {
  const decoder = rowDecoder([{ name: "a", type: "int4" }, { name: "a", type: "int8" }]);
  assert.deepEqual(decoder.object([1, "2"]), { a: 2n });
  assert.deepEqual(decoder.array([1, "2"]), [1, 2n]);
});

Deno.test("a column named __proto__ is a column like any other", () => {
  const row = rowDecoder([{ name: "__proto__", type: "jsonb" }]).object([{ admin: true }]);
  assert.deepEqual(Object.keys(row), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(row), Object.prototype);
  assert.equal(JSON.stringify(row), '{"__proto__":{"admin":true}}');
});
