import assert from "node:assert/strict";
import fc from "fast-check";
import { scratchDatabase } from "../../testing/postgres.ts";
import { EXTREMES } from "../../testing/postgres_values.ts";
import { type TextSession, textSession } from "../../testing/text_session.ts";
import type { JsonValue } from "../database.ts";
import { exactJson } from "../values.ts";
import { encodeParameter, parameterSerializersOf, UnknownParameterType } from "./parameters.ts";
import { TypeCatalog } from "./types.ts";

interface Bench extends AsyncDisposable {
  readonly session: TextSession;
  readonly catalog: TypeCatalog;
}

async function bench(): Promise<Bench> {
  const scratch = await scratchDatabase();
  const session = textSession(scratch.url);
  const catalog = new TypeCatalog();
  session.sql.options.serializers = parameterSerializersOf(catalog);
  for (const extension of ["hstore", "citext", "ltree"]) {
    await session.sql.unsafe(`CREATE EXTENSION ${extension}`);
  }
  await session.sql.unsafe(`CREATE TYPE mood AS ENUM ('sad', 'so "so", {x}\\', 'NULL')`);
  return {
    session,
    catalog,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

interface Cell {
  /** As the server printed it. */
  readonly text: string | null;
  readonly type: string;
  /** What a client has that reads the JSON of the answer exactly. */
  readonly value: JsonValue;
}

/** One cell through the server, its JSON text and an exact reader of JSON. */
async function cell(
  { session, catalog }: Bench,
  query: string,
  params: readonly JsonValue[] = [],
): Promise<Cell> {
  const rows = await retried(
    catalog,
    session,
    () => session.sql.unsafe(query, params.map(encodeParameter) as string[]).values(),
  );
  const oid = rows.columns[0]?.type ?? 0;
  await catalog.load([oid], session.run);
  const codec = catalog.codec(oid);
  assert.ok(codec);
  const text = rows[0]?.[0] ?? null;
  const json = JSON.stringify(text === null ? null : codec.decode(text));
  return { text, type: codec.name, value: exactJson(json) };
}

async function retried<T>(
  catalog: TypeCatalog,
  session: TextSession,
  run: () => PromiseLike<T>,
): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof UnknownParameterType)) throw error;
      await catalog.load([error.oid], session.run);
    }
  }
}

/** Sends what came out back in as a parameter of the type; the text must be the same. */
async function assertRoundTrip(bench: Bench, type: string, expression: string): Promise<Cell> {
  const before = await cell(bench, `SELECT (${expression})::${type}`);
  // A JSON string is bound as JSON text; every other value as it came.
  const value = /^jsonb?$/.test(before.type) && typeof before.value === "string"
    ? JSON.stringify(before.value)
    : before.value;
  const after = await cell(bench, `SELECT $1::${type}`, [value]);
  if (before.type === "json") {
    // The json type keeps the text itself, white space and all.
    const compact = `SELECT ($1::text)::jsonb::text`;
    assert.equal(
      (await cell(bench, compact, [after.text])).text,
      (await cell(bench, compact, [before.text])).text,
    );
  } else {
    assert.equal(after.text, before.text, `${type}: ${JSON.stringify(before.value)}`);
  }
  return before;
}

const literal = (text: string) =>
  ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'::text`;

Deno.test("every type comes back from JSON as the text that the server printed", async () => {
  await using database = await bench();
  for (const [type, texts] of Object.entries(EXTREMES)) {
    for (const text of texts) await assertRoundTrip(database, type, literal(text));
  }
});

Deno.test("every type survives in arrays, composites, domains and mixtures of them", async () => {
  await using database = await bench();
  let number = 0;
  for (const [type, texts] of Object.entries(EXTREMES)) {
    number++;
    const [row, domain] = [`row_${number}`, `domain_${number}`];
    // White space inside would count as a difference of the json type's text.
    if (type === "json") continue;
    await database.session.sql.unsafe(`
      CREATE DOMAIN ${domain} AS ${type};
      CREATE TYPE ${row} AS ("a b" ${type}, list ${type}[], checked ${domain})`);
    const items = texts
      .map((text) => `${literal(text)}::${type}`);
    const first = items[0] ?? "NULL";
    const rows = items.map((item) => `ROW(${item}, ARRAY[${item}, NULL], ${item})::${row}`);
    await assertRoundTrip(database, `${type}[]`, `ARRAY[${items.join(",")}, NULL]::${type}[]`);
    await assertRoundTrip(database, domain, first);
    await assertRoundTrip(database, `${domain}[]`, `ARRAY[${first}]::${domain}[]`);
    await assertRoundTrip(database, row, rows[0] ?? "NULL");
    await assertRoundTrip(database, `${row}[]`, `ARRAY[${rows.join(",")}, NULL]::${row}[]`);
    if (type === "jsonb") continue;
    const nested = `ARRAY[[${first}, NULL], [NULL, ${first}]]::${type}[]`;
    await assertRoundTrip(database, `${type}[]`, nested);
  }
});

Deno.test("the forms of values are those of the table", async () => {
  await using database = await bench();
  await database.session.sql.unsafe(`
    CREATE DOMAIN positive AS int8 CHECK (VALUE > 0);
    CREATE TYPE pair AS (a int8, "__proto__" bool);
    CREATE SCHEMA elsewhere;
    CREATE TYPE elsewhere.shade AS ENUM ('dark')`);
  const table: readonly [expression: string, type: string, json: string][] = [
    ["true", "bool", "true"],
    ["'-32768'::int2", "int2", "-32768"],
    ["9007199254740993::int8", "int8", '"9007199254740993"'],
    ["1::int8", "int8", '"1"'],
    ["1.50::numeric", "numeric", '"1.50"'],
    ["'-0'::float8", "float8", "-0"],
    ["'NaN'::float4", "float4", '"NaN"'],
    ["0.1::float4", "float4", "0.1"],
    ["'-Infinity'::float8", "float8", '"-Infinity"'],
    ["12.5::money", "money", '"$12.50"'],
    ["'\\x00ff'::bytea", "bytea", '"AP8="'],
    ["'2026-01-02 03:04:05.12+02'::timestamptz", "timestamptz", '"2026-01-02T01:04:05.120000Z"'],
    ["'2026-01-02 03:04:05'::timestamp", "timestamp", '"2026-01-02T03:04:05.000000"'],
    ["'10000-01-01'::timestamp", "timestamp", '"10000-01-01T00:00:00.000000"'],
    ["'0044-03-15 BC'::timestamptz", "timestamptz", '"0044-03-15T00:00:00.000000Z BC"'],
    ["'0044-03-15 BC'::timestamp", "timestamp", '"0044-03-15T00:00:00.000000 BC"'],
    ["'infinity'::timestamptz", "timestamptz", '"infinity"'],
    ["'0044-03-15 BC'::date", "date", '"0044-03-15 BC"'],
    ["'03:04:05.1'::time", "time", '"03:04:05.1"'],
    ["'1 year 2 mons -3 days 4 hours'::interval", "interval", '"P1Y2M-3DT4H"'],
    ['\'{"a":1e400,"b":9007199254740993}\'::json', "json", '{"a":1e400,"b":9007199254740993}'],
    ["'null'::jsonb", "jsonb", "null"],
    ["ARRAY[[1,2],[3,NULL]]", "int4[]", "[[1,2],[3,null]]"],
    ["'[0:1]={7,8}'::int4[]", "int4[]", "[7,8]"],
    ["'{}'::text[]", "text[]", "[]"],
    ["ARRAY['(1,1),(0,0)','(2,2),(1,1)']::box[]", "box[]", '["(1,1),(0,0)","(2,2),(1,1)"]'],
    ["5::positive", "int8", '"5"'],
    ["ARRAY[5]::positive[]", "int8[]", '["5"]'],
    ["ROW(1, true)::pair", "pair", '{"a":"1","__proto__":true}'],
    ["ARRAY[ROW(NULL, false)]::pair[]", "pair[]", '[{"a":null,"__proto__":false}]'],
    ["ROW(1, 'a b')", "record", '"(1,\\"a b\\")"'],
    ["'sad'::mood", "mood", '"sad"'],
    ["'dark'::elsewhere.shade", "elsewhere.shade", '"dark"'],
    ["'[1,5)'::int4range", "int4range", '"[1,5)"'],
    ["NULL::int4", "int4", "null"],
  ];
  for (const [expression, type, json] of table) {
    const given = await cell(database, `SELECT ${expression}`);
    assert.deepEqual([given.type, JSON.stringify(given.value)], [type, json], expression);
  }
});

Deno.test("text with every odd character comes back, alone, in arrays and in rows", async () => {
  await using database = await bench();
  const { session, catalog } = database;
  await session.sql.unsafe("CREATE TYPE mix AS (a text, b text[], c jsonb)");
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."\"'\\{}(),; \n\tNUL") }),
    // PostgreSQL's text holds no NUL.
  ).map((text) => text.replaceAll("\0", ""));
  const nullable = fc.option(text);
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.array(nullable),
      fc.record({
        a: nullable,
        b: fc.option(fc.array(nullable)),
        c: fc.option(fc.dictionary(text, text)),
      }),
      async (alone, list, row) => {
        const params = [alone, list, [row, null]];
        const [cells] = await retried(catalog, session, () =>
          session.sql.unsafe(
            "SELECT $1::text, $2::text[], $3::mix[]",
            params.map(encodeParameter) as string[],
          ).values());
        assert.ok(cells);
        const oids = cells.length === 3 ? await typeOids(session) : [];
        await catalog.load(oids, session.run);
        const values = oids.map((oid, index) => catalog.codec(oid)?.decode(String(cells[index])));
        assert.deepEqual(plain(values as JsonValue), plain(params));
      },
    ),
    { numRuns: 500 },
  );
});

async function typeOids(session: TextSession): Promise<number[]> {
  const [row] = await session.run(
    "SELECT 'text'::regtype::int8, 'text[]'::regtype::int8, 'mix[]'::regtype::int8",
    [],
  );
  return (row ?? []).map(Number);
}

Deno.test("arrays of any dimensions and numbers of any size come back", async () => {
  await using database = await bench();
  const int8 = fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String));
  const matrix = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })).chain(
    ([rows, columns]) => {
      const row = fc.array(int8, { minLength: columns, maxLength: columns });
      return fc.array(row, { minLength: rows, maxLength: rows });
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.array(int8), matrix), async (value) => {
      assert.deepEqual((await cell(database, "SELECT $1::int8[]", [value])).value, value);
    }),
    { numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(fc.double({ noNaN: true }))), async (value) => {
      const sent = value.map((item) => Number.isFinite(item) ? item : item && String(item));
      const { value: got } = await cell(database, "SELECT $1::float8[]", [sent]);
      assert.deepEqual(JSON.parse(JSON.stringify(got)), sent);
    }),
    { numRuns: 300 },
  );
});

Deno.test("jsonb documents come back", async () => {
  await using database = await bench();
  const json = fc.jsonValue({ stringUnit: "binary" })
    .filter((value) => !JSON.stringify(value).includes("\\u0000"));
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      const sent = typeof value === "string" ? JSON.stringify(value) : value as JsonValue;
      const { value: got } = await cell(database, "SELECT $1::jsonb", [sent]);
      assert.deepEqual(plain(got), plain(value as JsonValue));
    }),
    { numRuns: 500 },
  );
});

/** A value as an exact reader of JSON has it (`JSON.parse` gets escaped keys wrong at times). */
const plain = (value: JsonValue) => exactJson(JSON.stringify(value));

Deno.test("load() takes one round trip for any nesting, and none for what is known", async () => {
  await using database = await bench();
  const { session } = database;
  await session.sql.unsafe(`
    CREATE DOMAIN d1 AS int8[]; CREATE DOMAIN d2 AS d1;
    CREATE TYPE inner_row AS (a d2, b mood[]);
    CREATE TYPE outer_row AS (x inner_row[], y text)`);
  const [[oid] = []] = await session.run("SELECT 'outer_row[]'::regtype::int8", []);
  const catalog = new TypeCatalog();
  let queries = 0;
  const counted = (query: string, params: readonly string[]) => {
    queries++;
    return session.run(query, params);
  };
  assert.equal(catalog.codec(Number(oid)), undefined);
  await catalog.load([Number(oid), 23, 1184], counted);
  await catalog.load([Number(oid), 23], counted);
  assert.equal(queries, 1);
  const [[text] = []] = await session.run(
    `SELECT ARRAY[ROW(ARRAY[ROW('{1,2}', '{sad}')::inner_row], 'z')::outer_row]`,
    [],
  );
  assert.deepEqual(catalog.codec(Number(oid))?.decode(text ?? ""), [
    { x: [{ a: ["1", "2"], b: ["sad"] }], y: "z" },
  ]);
  catalog.forget();
  assert.equal(catalog.codec(Number(oid)), undefined);
});

Deno.test("a type that is gone counts as text", async () => {
  await using database = await bench();
  await database.catalog.load([4_000_000_000], database.session.run);
  assert.equal(database.catalog.codec(4_000_000_000)?.decode("(1,2)"), "(1,2)");
});

Deno.test("a row whose type was changed since it was read stays text", async () => {
  await using database = await bench();
  const { session } = database;
  await session.sql.unsafe("CREATE TYPE short AS (a int4)");
  await cell(database, "SELECT ROW(1)::short");
  await session.sql.unsafe("ALTER TYPE short ADD ATTRIBUTE b int4");
  assert.equal((await cell(database, "SELECT ROW(1, 2)::short")).value, "(1,2)");
  database.catalog.forget();
  assert.deepEqual((await cell(database, "SELECT ROW(1, 2)::short")).value, { a: 1, b: 2 });
});

Deno.test("every built-in type of the server is known by its own oid and name", async () => {
  await using database = await bench();
  const rows = await database.session.run(
    `SELECT t.oid, t.typname, e.typname, COALESCE(e.typdelim, ',') FROM pg_type AS t
     LEFT JOIN pg_type AS e ON e.typarray = t.oid
     WHERE t.oid < 10000 AND t.typtype IN ('b', 'r', 'm') AND t.typname !~ '^pg_(?!lsn|node|snap)'
       AND e.typname IS DISTINCT FROM 'record' AND COALESCE(e.typrelid, 0) = 0
       AND t.typrelid = 0`,
    [],
  );
  assert.ok(rows.length > 150);
  for (const [oid, name, element] of rows) {
    const expected = element === null ? name : `${element}[]`;
    assert.equal(new TypeCatalog().codec(Number(oid))?.name, expected, `${oid} ${name}`);
  }
});
