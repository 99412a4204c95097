import assert from "node:assert/strict";
import { offsetOf, wordEnd } from "./positions.ts";

Deno.test("a position counts characters, the editor UTF-16 units", () => {
  const text = "SELECT '🦊', nix FROM t";
  const position = [...text].indexOf("n") + 1;
  assert.equal(text.slice(offsetOf(text, position)), "nix FROM t");
  assert.equal(offsetOf(text, 1), 0);
  assert.equal(offsetOf(text, 1_000), text.length);
});

Deno.test("the word at a position is marked whole, a sign alone", () => {
  const text = "SELECT größe + 1";
  assert.equal(text.slice(7, wordEnd(text, 7)), "größe");
  assert.equal(text.slice(13, wordEnd(text, 13)), "+");
  assert.equal(wordEnd(text, text.length), text.length);
});
