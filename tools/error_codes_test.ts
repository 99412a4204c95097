import assert from "node:assert/strict";
import { ERROR_CODES } from "../server/errors.ts";
import { ERROR_CODES_PAGE, errorCodesMarkdown } from "./error_codes.ts";

Deno.test("server/ERROR_CODES.md is the registry as it stands", async () => {
  assert.equal(
    await Deno.readTextFile(ERROR_CODES_PAGE),
    errorCodesMarkdown(),
    'Run "deno run -A tools/error_codes.ts"',
  );
});

Deno.test("every code has its row", () => {
  const page = errorCodesMarkdown();
  for (const code of Object.keys(ERROR_CODES)) assert.match(page, new RegExp(`\\| \`${code}\` `));
});
