import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { clientProgram } from "./compile.ts";
import { contractDeclaration } from "./contract.ts";

const FOLDER = dirname(import.meta.dirname ?? "");
const PACKAGES = new Set(["@trpc/server"]);

function declare(files: Record<string, string>): string {
  const program = clientProgram(FOLDER, new Map(Object.entries(files)));
  return contractDeclaration(program, join(FOLDER, "fixture.ts"), PACKAGES);
}

Deno.test("the contract stands alone: named types are copied with their comments, constants spelt out", () => {
  const text = declare({
    "fixture.ts": `
      import type { Answer } from "./parts.ts";
      declare function ask(): { answer: Answer; list: readonly Answer[] };
      export const contract = ask();`,
    "parts.ts": `
      export const CODES = { B: 1, A: 2 } as const;
      export type Code = keyof typeof CODES;
      /** What all have. */
      interface Base { readonly code: Code }
      /** An answer. */
      export interface Answer extends Base { readonly next?: Answer; readonly when: Date }
      export class NotReached {}`,
  });
  assert.match(
    text,
    /export type AppRouter = \{\s+answer: Answer;\s+list: readonly Answer\[\];\s+\};/,
  );
  assert.match(text, /\/\*\* An answer\. \*\/\s+export interface Answer extends Base/);
  assert.match(text, /\/\*\* What all have\. \*\/\s+interface Base/);
  assert.match(text, /export type Code = "A" \| "B";/);
  assert.doesNotMatch(text, /import|typeof|NotReached/);
});

const REFUSED: Record<string, [files: Record<string, string>, message: RegExp]> = {
  "a package off the list": [
    {
      "fixture.ts": `
      import type { CompilerOptions } from "typescript";
      interface Output { options: CompilerOptions }
      declare function ask(): Output;
      export const contract = ask();`,
    },
    /reaches "CompilerOptions" of the package "typescript", not on the list/,
  ],
  "a package off the list, by inference": [
    {
      "fixture.ts": `
      import { getDefaultCompilerOptions } from "typescript";
      export const contract = { options: getDefaultCompilerOptions() };`,
    },
    /of the package "typescript", not on the list/,
  ],
  "a class": [
    {
      "fixture.ts": `
      import { Pool } from "./parts.ts";
      export const contract = { pool: new Pool() };`,
      "parts.ts": `export class Pool { readonly size = 1 }`,
    },
    /reaches "Pool", which is more than a type/,
  ],
  "a type that does not resolve": [
    {
      "fixture.ts": `
      import { missing } from "./nowhere.ts";
      export const contract = { output: missing() };`,
    },
    /holds `any`/,
  ],
  "a constant inside an interface": [
    {
      "fixture.ts": `
      const MODES = ["a", "b"] as const;
      interface Output { mode: typeof MODES[number] }
      declare function ask(): Output;
      export const contract = ask();`,
    },
    /Cannot copy "typeof MODES" into the contract: give it a name/,
  ],
  "two types of one name": [
    {
      "fixture.ts": `
      import type { Key } from "./parts.ts";
      import type { Wrapped } from "./others.ts";
      declare function ask(): { a: Key; b: Wrapped };
      export const contract = ask();`,
      "parts.ts": `export interface Key { readonly a: string }`,
      "others.ts": `interface Key { readonly b: string } export interface Wrapped { key: Key }`,
    },
    /two types named "Key"/,
  ],
};

for (const [title, [files, message]] of Object.entries(REFUSED)) {
  Deno.test(`a contract that reaches ${title} is refused`, () => {
    assert.throws(() => declare(files), message);
  });
}
