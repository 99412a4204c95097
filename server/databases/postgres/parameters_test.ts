import assert from "node:assert/strict";
import { FluxbaseError } from "../../errors.ts";
import { scratchDatabase } from "../../testing/postgres.ts";
import { type TextSession, textSession } from "../../testing/text_session.ts";
import type { JsonValue } from "../database.ts";
import { rawJson } from "../values.ts";
import {
  encodeParameter,
  parameterSerializers,
  parameterSerializersOf,
  UnknownParameterType,
} from "./parameters.ts";
import { TypeCatalog } from "./types.ts";

const invalid = (message: RegExp) => (error: unknown) =>
  error instanceof FluxbaseError && error.code === "PARAMETER_INVALID" &&
  message.test(error.message);

/** A connection as the product has it, with the project's types loaded as they are met. */
async function withParameters(
  test: (
    cell: (query: string, value: JsonValue) => Promise<string | null>,
    session: TextSession,
  ) => Promise<void>,
): Promise<void> {
  await using scratch = await scratchDatabase();
  await using session = textSession(scratch.url);
  const catalog = new TypeCatalog();
  session.sql.options.serializers = parameterSerializersOf(catalog);
  const cell = async (query: string, value: JsonValue): Promise<string | null> => {
    try {
      const params = [encodeParameter(value)] as string[];
      const [[text = null] = []] = await session.sql.unsafe(query, params).values();
      return text;
    } catch (error) {
      if (!(error instanceof UnknownParameterType)) throw error;
      await catalog.load([error.oid], session.run);
      return await cell(query, value);
    }
  };
  await test(cell, session);
}

Deno.test("encodeParameter() gives scalars as the text that they have in JSON", () => {
  const values = [null, "", "a\0b", true, false, 0, -0, 1.5, 1e21, -1e-7, rawJson("1e400")];
  assert.deepEqual(values.map((value) => encodeParameter(value as JsonValue)), [
    null,
    "",
    "a\0b",
    "true",
    "false",
    "0",
    "-0",
    "1.5",
    "1e+21",
    "-1e-7",
    "1e400",
  ]);
});

Deno.test("encodeParameter() refuses what would change on its way", () => {
  assert.throws(() => encodeParameter("a\ud800"), invalid(/unpaired surrogate/));
  assert.throws(() => encodeParameter(NaN), invalid(/NaN/));
  assert.throws(() => encodeParameter(-Infinity), invalid(/-Infinity/));
  const inArray = encodeParameter(["ok", ["\udc00"]]);
  assert.throws(() => String(inArray), invalid(/unpaired surrogate/));
});

Deno.test("parameters take the form of the type that the server describes", async () => {
  await withParameters(async (cell, { sql }) => {
    await sql.unsafe(`
      CREATE DOMAIN picture AS bytea; CREATE DOMAIN document AS jsonb;
      CREATE TYPE part AS (a int8, b picture, c document[])`);
    const table: readonly [type: string, value: JsonValue, text: string | null][] = [
      ["int8", "9223372036854775807", "9223372036854775807"],
      ["int4", 5, "5"],
      ["bool", true, "t"],
      ["text", true, "true"],
      ["text", 1.5, "1.5"],
      ["text", ["a", 'b"'], '{"a","b\\""}'],
      ["text", { a: 1 }, '{"a":1}'],
      ["float8", -0, "-0"],
      ["numeric", rawJson("1.50"), "1.50"],
      // Strings are JSON text; everything else is serialised.
      ["jsonb", '{"a": 1e2}', '{"a": 100}'],
      ["jsonb", { a: [1, null, "x"] }, '{"a": [1, null, "x"]}'],
      ["jsonb", [1, [2]], "[1, [2]]"],
      ["jsonb", true, "true"],
      ["jsonb", 5, "5"],
      ["jsonb", null, null],
      ["json", { n: rawJson("9007199254740993") }, '{"n":9007199254740993}'],
      [
        "jsonb[]",
        [{ a: 1 }, [1, 2], null, '"x"', true],
        '{"{\\"a\\": 1}","[1, 2]",NULL,"\\"x\\"",true}',
      ],
      ["bytea", "AP8=", "\\x00ff"],
      ["bytea", "", "\\x"],
      ["bytea", "\\x00ff", "\\x00ff"],
      ["bytea[]", ["AP8=", null, "\\xaa"], '{"\\\\x00ff",NULL,"\\\\xaa"}'],
      ["bytea[]", [["AA=="], ["/w=="]], '{{"\\\\x00"},{"\\\\xff"}}'],
      ["picture", "AP8=", "\\x00ff"],
      ["picture[]", ["AP8="], '{"\\\\x00ff"}'],
      ["document", [1, 2], "[1, 2]"],
      [
        "part",
        { a: "1", b: "AA==", c: [{ x: [1] }, null] },
        '(1,"\\\\x00","{""{\\\\""x\\\\"": [1]}"",NULL}")',
      ],
      ["part", { c: [] }, "(,,{})"],
      ["part", "(1,,)", "(1,,)"],
      ["part[]", [{ a: 1 }, null], '{"(1,,)",NULL}'],
      ["int4[]", [1, null, "3"], "{1,NULL,3}"],
      ["int4[]", [[1, 2], [3, 4]], "{{1,2},{3,4}}"],
      ["int4[]", [], "{}"],
      ["int4[]", "[0:1]={7,8}", "[0:1]={7,8}"],
      ["box[]", ["(1,1),(0,0)", "(2,2),(1,1)"], "{(1,1),(0,0);(2,2),(1,1)}"],
      ["text[]", ["NULL", null, "", " a ", "{}", '\\"'], '{"NULL",NULL,""," a ","{}","\\\\\\""}'],
      ["timestamptz", "2026-01-02T03:04:05.123456Z", "2026-01-02 03:04:05.123456+00"],
      ["date", "0044-03-15 BC", "0044-03-15 BC"],
    ];
    for (const [type, value, text] of table) {
      assert.equal(
        await cell(`SELECT $1::${type}`, value),
        text,
        `${type}: ${JSON.stringify(value)}`,
      );
    }
  });
});

Deno.test("a parameter that does not fit is refused and leaves the connection in order", async () => {
  await withParameters(async (cell, { sql }) => {
    await sql.unsafe("CREATE TYPE pair AS (a int4, b int4)");
    await assert.rejects(cell("SELECT $1::bytea", "no base64!"), invalid(/"no base64!" as base64/));
    await assert.rejects(cell("SELECT $1::bytea", "A"), invalid(/base64/));
    await assert.rejects(cell("SELECT $1::bytea[]", ["AA==", "*"]), invalid(/base64/));
    await assert.rejects(cell("SELECT $1::pair", { a: 1, z: 2 }), invalid(/no field "z"/));
    assert.equal(await cell("SELECT $1::bytea", "AA=="), "\\x00");
  });
});

Deno.test("a domain over bytea is never given the base64 text itself", async () => {
  await withParameters(async (cell, { sql }) => {
    await sql.unsafe("CREATE DOMAIN picture AS bytea; CREATE TABLE album (picture picture)");
    assert.equal(await cell("INSERT INTO album VALUES ($1) RETURNING picture", "AP8="), "\\x00ff");
  });
});

Deno.test("serializers exist for every type that the driver would turn into another form", () => {
  // postgres.js's own would read dates through Date and serialise strings as JSON.
  for (const oid of [16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1082, 1114, 1184, 3802]) {
    assert.equal(typeof parameterSerializers[oid], "function", String(oid));
  }
});
