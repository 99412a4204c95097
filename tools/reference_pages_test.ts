import assert from "node:assert/strict";
import { ERROR_CODES } from "../server/errors.ts";
import { SETTING_NAMES } from "../server/projects/settings.ts";
import { referencePages } from "./reference_pages.ts";

Deno.test("the reference pages are the registries as they stand", async () => {
  for (const { url, text } of referencePages()) {
    assert.equal(
      await Deno.readTextFile(url),
      text,
      'Run "deno run -A tools/reference_pages.ts"',
    );
  }
});

Deno.test("every code and every setting has its row", () => {
  const [codes, settings] = referencePages().map(({ text }) => text);
  for (const code of Object.keys(ERROR_CODES)) assert.ok(codes?.includes(`| \`${code}\` `), code);
  for (const name of SETTING_NAMES) assert.ok(settings?.includes(`| \`${name}\` `), name);
});
