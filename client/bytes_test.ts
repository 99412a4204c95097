import assert from "node:assert/strict";
import { fromBase64, toBase64 } from "./bytes.ts";

Deno.test("bytes of every value and length come back from base64 as they were", () => {
  for (let length = 0; length < 260; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => index);
    assert.equal(toBase64(bytes), btoa(String.fromCharCode(...bytes)));
    assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  }
});
