import assert from "node:assert/strict";
import { FluxbaseError } from "../errors.ts";
import { MAX_JSON_DEPTH, parseJson, readText, requireShallow } from "./body.ts";

const nested = (levels: number, open = "[", close = "]") =>
  open.repeat(levels) + close.repeat(levels);

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (thrown) {
    if (thrown instanceof FluxbaseError) return thrown.code;
    throw thrown;
  }
  return "none";
}

function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

Deno.test("the deepest allowed JSON is parsed and one level more is refused", async () => {
  assert.equal(JSON.stringify(parseJson(nested(MAX_JSON_DEPTH))), nested(MAX_JSON_DEPTH));
  assert.equal(await codeOf(() => parseJson(nested(MAX_JSON_DEPTH + 1))), "JSON_TOO_DEEP");
  const objects = nested(MAX_JSON_DEPTH + 1, '{"a":', "}");
  assert.equal(await codeOf(() => parseJson(objects)), "JSON_TOO_DEEP");
});

Deno.test("brackets in strings do not count as depth, whatever is escaped in them", async () => {
  const text = JSON.stringify({ query: `${"[".repeat(500)}"\\\\"${"{".repeat(500)}\\` });
  assert.equal(JSON.stringify(parseJson(text)), text);
  const quoted = JSON.stringify(`"${"[".repeat(500)}`);
  assert.equal(parseJson(quoted), JSON.parse(quoted));
  // An escaped backslash ends before the quote that ends the string.
  const tricky = `["\\\\",${nested(MAX_JSON_DEPTH)}]`;
  assert.equal(await codeOf(() => requireShallow(tricky)), "JSON_TOO_DEEP");
});

Deno.test("siblings do not add up to depth", () => {
  requireShallow(`[${Array(1000).fill("[[]]").join(",")}]`);
});

Deno.test("five million levels are refused in no time", async () => {
  const text = "[".repeat(5_000_000);
  const started = performance.now();
  assert.equal(await codeOf(() => parseJson(text)), "JSON_TOO_DEEP");
  assert.ok(performance.now() - started < 100);
});

Deno.test("numbers beyond a double keep their digits", () => {
  const text = '{"params":[9007199254740993,0.1,12345678901234567890.5]}';
  assert.equal(JSON.stringify(parseJson(text)), text);
});

Deno.test("a body of another type, or of none, is refused", async () => {
  const plain = post("{}", { "content-type": "text/plain" });
  assert.equal(await codeOf(() => readText(plain, 100)), "UNSUPPORTED_MEDIA_TYPE");
  const none = post(new Uint8Array([123, 125]));
  none.headers.delete("content-type");
  assert.equal(await codeOf(() => readText(none, 100)), "UNSUPPORTED_MEDIA_TYPE");
  const parameters = post("{}", { "content-type": "Application/JSON; charset=utf-8" });
  assert.equal(await readText(parameters, 100), "{}");
});

Deno.test("a body without a length is read up to the limit and no further", async () => {
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(1000).fill(32));
    },
  });
  assert.equal(await codeOf(() => readText(post(endless), 10_000)), "BODY_TOO_LARGE");
  assert.ok(pulled < 20, `${pulled} pieces were pulled`);
  const small = new Blob(['{"a":', "1}"]).stream();
  assert.equal(await readText(post(small), 100), '{"a":1}');
});

Deno.test("bytes that are not UTF-8 are refused instead of replaced", async () => {
  const bytes = new Uint8Array([0x22, 0xff, 0x22]);
  assert.equal(await codeOf(() => readText(post(bytes), 100)), "BAD_REQUEST");
});
