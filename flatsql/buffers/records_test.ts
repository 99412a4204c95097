import assert from "node:assert/strict";
import { Builder, ByteBuffer } from "flatbuffers";
import { readRecords } from "./records.ts";

/** A size-prefixed buffer whose root table holds one int32, as the official library writes it. */
function record(value: number, identifier: string): Uint8Array {
  const builder = new Builder(64);
  builder.startObject(1);
  builder.addFieldInt32(0, value, 0);
  builder.finishSizePrefixed(builder.endObject(), identifier);
  return builder.asUint8Array();
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

Deno.test("records that the official library wrote are found in place, with their identifiers", () => {
  const parts = [record(7, "USER"), record(8, "POST"), record(9, "USER")];
  const stream = concat(parts);
  const { records, consumed } = readRecords(stream);
  assert.equal(consumed, stream.length);
  assert.deepEqual(records.map((found) => found.fileIdentifier), ["USER", "POST", "USER"]);
  const values = records.map(({ offset, length }) => {
    const buffer = new ByteBuffer(stream.subarray(offset, offset + length));
    const table = buffer.readInt32(0);
    const field = table - buffer.readInt32(table) + 4;
    return buffer.readInt32(table + buffer.readInt16(field));
  });
  assert.deepEqual(values, [7, 8, 9]);
});

Deno.test("a stream cut at any byte gives its whole records and leaves the rest", () => {
  const parts = [record(1, "AAAA"), record(2, "BBBB"), record(3, "CCCC")];
  const stream = concat(parts);
  const ends = parts.map((_, index) => concat(parts.slice(0, index + 1)).length);
  for (let cut = 0; cut <= stream.length; cut++) {
    const { records, consumed } = readRecords(stream.subarray(0, cut));
    const whole = ends.filter((end) => end <= cut);
    assert.equal(records.length, whole.length);
    assert.equal(consumed, whole.at(-1) ?? 0);
  }
});

Deno.test("a size prefix that cannot be one is refused with its offset", () => {
  const good = record(1, "AAAA");
  const tooSmall = concat([good, new Uint8Array([3, 0, 0, 0, 1, 2, 3])]);
  assert.throws(() => readRecords(tooSmall), {
    name: "RangeError",
    message: `Cannot read a record at offset ${good.length}: its size prefix is "3"`,
  });
  assert.throws(() => readRecords(new Uint8Array([255, 255, 255, 255])), RangeError);
  assert.throws(() => readRecords(good, { maxRecordBytes: 8 }), RangeError);
});
