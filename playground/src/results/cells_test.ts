import assert from "node:assert/strict";
import { cellOf } from "./cells.ts";

Deno.test("cells show every value exactly and NULL apart from empty text", () => {
  assert.deepEqual(cellOf(null), { text: "NULL", kind: "null" });
  assert.deepEqual(cellOf(""), { text: "", kind: "text" });
  assert.deepEqual(cellOf("1.50", "numeric"), { text: "1.50", kind: "number" });
  assert.deepEqual(cellOf(9223372036854775807n), { text: "9223372036854775807", kind: "number" });
  assert.deepEqual(cellOf([1n, null, { a: 2n }]), { text: '["1",null,{"a":"2"}]', kind: "json" });
  assert.deepEqual(cellOf(new Uint8Array([0, 255])), { text: "\\x00ff", kind: "bytes" });
  assert.match(cellOf(new Uint8Array(100)).text, /… \(100 bytes\)$/);
});
