import assert from "node:assert/strict";
import ts from "typescript";
import { clientProgram } from "./packing/compile.ts";

const HEAD = `
import { createClient, type Row } from "./mod.ts";
interface Database {
  Tables: {
    users: { Row: { id: bigint; email: string }; Insert: object; Update: object };
  };
}
declare const id: number | undefined;
const client = createClient<Database>({ url: "http://localhost", key: "k" });
`;

/** Each a module that must compile. */
const RIGHT = {
  "rows have the type that the caller names": `
    const [row] = await client.sql<{ n: number }>\`select 1 as n\`;
    export const n: number | undefined = row?.n;`,
  "rows have a table's type when the table is named": `
    const rows = await client.sql<"users">\`select * from users\`;
    const emails: string[] = rows.map((row) => row.email);
    const user: Row<Database, "users"> | undefined = rows[0];
    const { rows: same } = await client.query<"users">("select * from users");
    for await (const { id } of client.stream<"users">("select * from users")) id satisfies bigint;
    export { emails, same, user };`,
  "unnamed rows are unknown and not any": `
    const [row] = await client.sql\`select 1 as n\`;
    row?.n satisfies unknown;
    // @ts-expect-error Not a number before it was looked at.
    row?.n satisfies number;`,
  "a batch's results are a tuple of its statements' rows": `
    const [users, counts] = await client.batch([
      client.sql<"users">\`select * from users\`,
      client.sql<{ n: bigint }>\`select count(*) as n from users\`,
      { query: "delete from users where id = $1", params: [1n] },
    ], { isolation: "serializable" });
    export const email: string | undefined = users.rows[0]?.email;
    export const n: bigint | undefined = counts.rows[0]?.n;`,
  "the bare client takes the procedures' inputs": `
    const result = await client.trpc.sql.execute.mutate({ query: "select 1", params: [1] });
    export const name: string | undefined = result.columns[0]?.name;`,
  "safe results tell data from error": `
    const { data, error } = await client.sql<"users">\`select * from users\`.safe();
    if (error === null) data[0]?.email satisfies string | undefined;
    else error.code satisfies string;`,
};

/** Each a module that must not compile, and the compiler's complaint. */
const WRONG: Record<string, [code: string, complaint: RegExp]> = {
  "a misspelt field of a procedure's input": [
    `await client.trpc.sql.execute.mutate({ querry: "select 1" });`,
    /'querry' does not exist/,
  ],
  "a procedure's input of the wrong type": [
    `await client.trpc.sql.execute.mutate({ query: "select 1", timeoutMs: "5" });`,
    /'string' is not assignable to type 'number'/,
  ],
  "a procedure that is not there": [
    `await client.trpc.sql.explode.mutate({});`,
    /'explode' does not exist/,
  ],
  "a misspelt column of a named row": [
    `const [row] = await client.sql<{ name: string }>\`select 1\`; row?.nmae;`,
    /'nmae' does not exist/,
  ],
  "a misspelt column of a table": [
    `for (const row of await client.sql<"users">\`select * from users\`) row.emial;`,
    /'emial' does not exist/,
  ],
  "a column of the wrong type": [
    `for (const row of await client.sql<"users">\`select 1\`) row.id satisfies number;`,
    /'bigint' does not satisfy the expected type 'number'/,
  ],
  "a misspelt table": [
    `await client.sql<"user">\`select * from users\`;`,
    /'"user"' does not satisfy the constraint/,
  ],
  "a misspelt column in a batch's result": [
    `const [first] = await client.batch([client.sql<"users">\`select 1\`]); first.rows[0]?.emial;`,
    /'emial' does not exist/,
  ],
  "an undefined parameter of the tag": [
    `await client.sql\`select \${id}\`;`,
    /'undefined' is not assignable to (parameter of )?type 'Parameter'/,
  ],
  "an undefined parameter of query": [
    `await client.query("select $1", [id]);`,
    /'undefined' is not assignable to type 'Parameter'/,
  ],
  "the tag called as a function": [
    `await client.sql("select 1");`,
    /'string' is not assignable to parameter of type 'TemplateStringsArray'/,
  ],
  "an error code that the registry does not have": [
    `const { error } = await client.sql\`select 1\`.safe(); export const is = error?.code === "GONE";`,
    /no overlap/,
  ],
};

Deno.test("right uses of the client compile, and each wrong one is the compiler's complaint", async (t) => {
  const codes = {
    ...RIGHT,
    ...Object.fromEntries(Object.entries(WRONG).map(([k, [c]]) => [k, c])),
  };
  const names = new Map(Object.keys(codes).map((title, index) => [title, `case_${index}.ts`]));
  const texts = new Map(
    Object.entries(codes).map(([title, code]) => [names.get(title) ?? "", HEAD + code]),
  );
  const folder = import.meta.dirname ?? "";
  const program = clientProgram(folder, texts);
  const complaints = (title: string): string[] => {
    const source = program.getSourceFile(`${folder}/${names.get(title)}`);
    assert.ok(source);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  };
  for (const title of Object.keys(RIGHT)) {
    await t.step(title, () => assert.deepEqual(complaints(title), []));
  }
  for (const [title, [, complaint]] of Object.entries(WRONG)) {
    await t.step(`${title} does not compile`, () => {
      const [first, ...others] = complaints(title);
      assert.match(first ?? "no complaint", complaint);
      assert.deepEqual(others, []);
    });
  }
});
