import assert from "node:assert/strict";
import { join } from "node:path";
import type { DatabaseSchema } from "./database.ts";
import { typescriptOf } from "./typescript.ts";

const column = (name: string, type: string, rest: object = {}) => ({
  name,
  type,
  databaseType: type,
  nullable: false,
  ...rest,
});

const table = (name: string, columns: DatabaseSchema["tables"][number]["columns"]) => ({
  name,
  kind: "table" as const,
  columns,
  primaryKey: [],
  foreignKeys: [],
  indexes: [],
  rowSecurity: false,
  policies: [],
});

const LONG_ENUM = Array.from({ length: 12 }, (_, index) => `a rather long label ${index}`);

const SCHEMA: DatabaseSchema = {
  tables: [
    {
      ...table("customer", [
        column("id", "int8", { generated: "always" }),
        column("serial", "int4", { generated: "by default" }),
        column("name", "text", { comment: "As on the\ninvoice */ !" }),
        column("mood", "mood", { nullable: true }),
        column("moods", "mood[]", { default: "'{}'" }),
        column("home", "address", { nullable: true }),
        column("upper_name", "text", { generated: "stored", nullable: true }),
        column("price", "numeric", { default: "1.5" }),
        column("paid_at", "timestamptz", { nullable: true }),
        column("data", "jsonb"),
        column("extra", "jsonb", { nullable: true }),
        column("documents", "jsonb[]", { nullable: true }),
        column("photo", "bytea", { nullable: true }),
        column("weight", "float8", { nullable: true }),
        column("span", "int4range", { nullable: true }),
        column("a column's name that is so long that the line with its type", "size"),
        column("and another one, which may be NULL in addition to all of that", "size", {
          nullable: true,
        }),
      ]),
      comment: "Who buys",
    },
    {
      ...table("active customer", [column("id", "int8"), column("boss", "customer")]),
      kind: "view",
    },
    table("empty", []),
  ],
  enums: [
    { name: "mood", values: ["sad", 'so "so"', "it's", `"it's"`, "new\nline\\"] },
    { name: "size", values: LONG_ENUM },
  ],
  composites: [{
    name: "address",
    columns: [
      column("street", "text", { nullable: true }),
      column("number", "int8", { nullable: true }),
      column("weights", "float8[]", { nullable: true }),
    ],
  }],
};

/** Runs `deno` on files in a folder of their own; gives its exit code and output without colours. */
async function deno(
  files: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<{ code: number; output: string }> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries({ "deno.json": CONFIG, ...files })) {
      await Deno.writeTextFile(join(folder, name), text);
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const CONFIG = JSON.stringify({
  compilerOptions: { strict: true, exactOptionalPropertyTypes: true },
  fmt: { lineWidth: 100 },
});

/** A module that uses the types of the schema above. */
const using = (statements: string) =>
  `import type { Database } from "./database.ts";
type Customer = Database["Tables"]["customer"];
declare const row: Customer["Row"];
${statements}
`;

Deno.test("typescriptOf() writes what compiles, with the types of the table of values", async () => {
  const use = using(`
type Mood = "sad" | 'so "so"' | "it's" | '"it\\'s"' | "new\\nline\\\\";
const id: bigint = row.id;
const mood: Mood | null = row.mood;
const moods: (Mood | null)[] = row.moods;
const street: string | null | undefined = row.home?.street;
const inComposite: string | null | undefined = row.home?.number;
const price: string = row.price;
const photo: Uint8Array | null = row.photo;
const span: string | null = row.span;
const least: Customer["Insert"] = {
  name: "x", data: null, "a column's name that is so long that the line with its type": "a rather long label 3",
};
const more: Customer["Insert"] = { ...least, serial: 5, price: 2, paid_at: new Date(), moods: ["sad", null] };
const nothing: Customer["Update"] = {};
const view: bigint = (null as unknown as Database["Tables"]["active customer"]["Row"]).id;
export { id, inComposite, least, mood, moods, more, nothing, photo, price, span, street, view };`);
  const files = { "database.ts": typescriptOf(SCHEMA), "use.ts": use };
  const { code, output } = await deno(files, "check", "use.ts");
  assert.equal(code, 0, output);
});

const REFUSED: Readonly<Record<string, readonly [statement: string, says: RegExp]>> = {
  "a misspelt column": ["row.nmae;", /Property 'nmae' does not exist/],
  "a misspelt table": [
    'export type T = Database["Tables"]["custmer"];',
    /Property 'custmer' does not exist/,
  ],
  "a nullable column taken for a certain one": [
    "export const b: Uint8Array = row.photo;",
    /'null' is not assignable/,
  ],
  "an insert of a generated column": [
    'export const i: Customer["Update"] = { upper_name: "X" };',
    /'upper_name' does not exist/,
  ],
  "an insert of an identity that is always generated": [
    'export const i: Customer["Update"] = { id: 1n };',
    /'id' does not exist/,
  ],
  "an insert without a required column": [
    'export const i: Customer["Insert"] = { name: "x" };',
    /missing the following properties|Property 'data' is missing/,
  ],
  "a label that the enum does not have": [
    'export const u: Customer["Update"] = { mood: "glad" };',
    /'"glad"' is not assignable/,
  ],
  "an insert into a view": [
    'export type I = Database["Tables"]["active customer"]["Insert"];',
    /Property 'Insert' does not exist/,
  ],
};

Deno.test("the types of typescriptOf() refuse", async (test) => {
  const files = Object.entries(REFUSED).map(([what, [statement]]) =>
    [`${what.replaceAll(" ", "_")}.ts`, using(statement)] as const
  );
  const { output } = await deno(
    { "database.ts": typescriptOf(SCHEMA), ...Object.fromEntries(files) },
    "check",
    ...files.map(([name]) => name),
  );
  const complaints = output.split(/(?=TS\d+ \[ERROR\])/).slice(1);
  assert.equal(complaints.length, files.length, output);
  for (const [what, [, says]] of Object.entries(REFUSED)) {
    await test.step(what, () => {
      const of = complaints.filter((text) => text.includes(`/${what.replaceAll(" ", "_")}.ts:`));
      assert.equal(of.length, 1, output);
      assert.match(of[0] ?? "", says);
    });
  }
});

Deno.test("typescriptOf() writes what deno fmt would write", async () => {
  const text = typescriptOf(SCHEMA);
  assert.equal(text, typescriptOf(structuredClone(SCHEMA)));
  const { code, output } = await deno({ "database.ts": text }, "fmt", "--check", "database.ts");
  assert.equal(code, 0, output);
});

Deno.test("typescriptOf() writes an empty database", async () => {
  const { code, output } = await deno(
    { "database.ts": typescriptOf({ tables: [], enums: [] }) },
    "check",
    "database.ts",
  );
  assert.equal(code, 0, output);
});
