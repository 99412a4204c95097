import assert from "node:assert/strict";
import { executeSqlText } from "./execute_sql.ts";

const result = {
  columns: [{ name: "id", type: "uuid" }, { name: "name", type: "text" }],
  rows: [["018f4a2b-0000-7000-8000-000000000000", "Alice"]],
  rowCount: 1,
  command: "SELECT",
  truncated: false,
};

Deno.test("the answer is the documented body to the byte", () => {
  assert.equal(
    executeSqlText(result, "object"),
    '{"success":true,"result":{"rows":[{"id":"018f4a2b-0000-7000-8000-000000000000",' +
      '"name":"Alice"}],"columns":["id","name"],"types":["uuid","text"],"rowCount":1,' +
      '"command":"SELECT"}}',
  );
});

Deno.test("a cut result says so", () => {
  const text = executeSqlText({ ...result, truncated: true }, "object");
  assert.equal(JSON.parse(text).result.truncated, true);
});

Deno.test("a column named __proto__ is a column like any other", () => {
  const columns = ["__proto__", "constructor", "toString"].map((name) => ({ name, type: "text" }));
  const text = executeSqlText({ ...result, columns, rows: [["a", "b", "c"]] }, "object");
  assert.ok(text.includes('"rows":[{"__proto__":"a","constructor":"b","toString":"c"}]'), text);
});

Deno.test("rows as arrays keep equal column names apart", () => {
  const columns = [{ name: "id", type: "int4" }, { name: "id", type: "int4" }];
  const text = executeSqlText({ ...result, columns, rows: [[1, 2]] }, "array");
  assert.ok(text.includes('"rows":[[1,2]],"columns":["id","id"]'), text);
});
