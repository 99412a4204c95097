import assert from "node:assert/strict";
import { PAGILA_DATA, PAGILA_SCHEMA } from "../testing/pagila.ts";
import { createProject, executeSql, rowsOf, type TestProject } from "../testing/rest.ts";
import {
  type ServerProcess,
  startServerProcess,
  temporaryFolder,
} from "../testing/server_process.ts";

/** What a newcomer asks of such a database, with what must come back. */
const QUESTIONS: readonly { about: string; query: string; params?: unknown[]; rows: unknown }[] = [
  {
    about: "joins over six tables",
    query: `SELECT c.name AS category, count(*) AS rentals
      FROM rental r JOIN inventory i USING (inventory_id) JOIN film f USING (film_id)
      JOIN film_category fc USING (film_id) JOIN category c USING (category_id)
      GROUP BY c.name ORDER BY rentals DESC, category LIMIT 1`,
    rows: [{ category: "Classics", rentals: "1012" }],
  },
  {
    about: "a recursive CTE",
    query: `WITH RECURSIVE up(n, total) AS (
        SELECT 1, 1::bigint UNION ALL SELECT n + 1, total * (n + 1) FROM up WHERE n < 20)
      SELECT total FROM up ORDER BY n DESC LIMIT 1`,
    rows: [{ total: "2432902008176640000" }],
  },
  {
    about: "window functions",
    query: `SELECT store_id, rank, films FROM (
        SELECT store_id, count(DISTINCT film_id)::int AS films,
          rank() OVER (ORDER BY store_id)::int AS rank
        FROM inventory GROUP BY store_id) ranked ORDER BY rank`,
    rows: [{ store_id: 1, rank: 1, films: 500 }, { store_id: 2, rank: 2, films: 500 }],
  },
  {
    about: "JSON operators and aggregates",
    query: `SELECT profile ->> 'tier' AS tier, count(*)::int AS customers,
        jsonb_agg(customer_id ORDER BY customer_id) FILTER (WHERE customer_id <= 6) AS first
      FROM customer WHERE profile @> $1 GROUP BY 1`,
    params: [{ tier: "gold" }],
    rows: [{ tier: "gold", customers: 199, first: [3, 6] }],
  },
  {
    about: "arrays both ways",
    query: `SELECT film_id, special_features FROM film
      WHERE special_features @> $1 AND film_id = ANY ($2) ORDER BY film_id`,
    params: [["Behind the Scenes", "Trailers"], [4, 8, 9, 12]],
    rows: [
      { film_id: 8, special_features: ["Trailers", "Deleted Scenes", "Behind the Scenes"] },
      { film_id: 12, special_features: ["Trailers", "Behind the Scenes"] },
    ],
  },
  {
    about: "full-text search",
    query: `SELECT film_id FROM film
      WHERE fulltext @@ to_tsquery('english', $1) AND film_id <= 20 ORDER BY film_id`,
    params: ["astounding & shark"],
    rows: [{ film_id: 1 }, { film_id: 16 }],
  },
  {
    about: "a view, a plpgsql function and partitions",
    query: `SELECT name, country, get_customer_balance(id, '2026-12-31') AS balance,
        (SELECT count(*)::int FROM payment WHERE payment_date < '2026-02-01'
          AND customer_id = id) AS january
      FROM customer_list WHERE id = $1`,
    params: [5],
    rows: [{ name: "FIRST5 LAST5", country: "Canada", balance: "0.00", january: 5 }],
  },
  {
    about: "grouping sets and a lateral join",
    query: `SELECT rating, top.title, count(*)::int AS films
      FROM film, LATERAL (SELECT min(title) AS title FROM film f WHERE f.rating = film.rating) top
      GROUP BY GROUPING SETS ((rating, top.title), ()) ORDER BY films, rating LIMIT 1`,
    rows: [{ rating: "G", title: "ACADEMY CALENDAR 190", films: 200 }],
  },
];

/** Ways in which a reading key could try to write, each by another door. */
const WRITES: readonly { about: string; query: string }[] = [
  { about: "an insert", query: `INSERT INTO category (name) VALUES ('Stolen')` },
  { about: "an update", query: `UPDATE film SET rental_rate = 0` },
  { about: "a delete", query: `DELETE FROM film_category` },
  {
    about: "a data-modifying CTE",
    query: `WITH gone AS (DELETE FROM film_category RETURNING *) SELECT count(*) FROM gone`,
  },
  { about: "a function that writes", query: `SELECT add_category('Stolen')` },
  {
    about: "EXPLAIN ANALYZE of a write",
    query: `EXPLAIN ANALYZE INSERT INTO category (name) VALUES ('Stolen')`,
  },
  {
    about: "an upsert with RETURNING",
    query: `INSERT INTO category (name) VALUES ('Action')
      ON CONFLICT (name) DO UPDATE SET name = 'Stolen' RETURNING *`,
  },
  {
    about: "a merge",
    query: `MERGE INTO category c USING film f ON false WHEN NOT MATCHED THEN
      INSERT (name) VALUES ('Stolen')`,
  },
  { about: "SELECT INTO", query: `SELECT * INTO stolen FROM film` },
  { about: "a new table", query: `CREATE TABLE stolen AS SELECT * FROM film` },
  { about: "a row lock", query: `SELECT * FROM film FOR UPDATE` },
  { about: "a sequence", query: `SELECT nextval('actor_actor_id_seq')` },
  { about: "truncation", query: `TRUNCATE film_category` },
];

Deno.test("a foreign schema of fifteen tables lives behind the API", async (t) => {
  await using folder = await temporaryFolder();
  const dataFolder = folder.path;
  await using server: ServerProcess = await startServerProcess({ dataFolder });
  const project: TestProject = await createProject(
    server.url,
    await server.secretFile("admin-key"),
    "pagila",
  );

  await t.step("it is made and filled by a key with sql:ddl", async () => {
    for (const statement of [...PAGILA_SCHEMA, ...PAGILA_DATA]) {
      await rowsOf(server.url, project.key, statement);
    }
    await rowsOf(
      server.url,
      project.key,
      `CREATE FUNCTION add_category(name text) RETURNS void LANGUAGE sql
       AS $$ INSERT INTO category (name) VALUES (name) $$`,
    );
    const [counted] = await rowsOf(server.url, project.key, "SELECT count(*) AS n FROM payment");
    assert.deepEqual(counted, { n: "16044" });
  });

  const reader = await project.keyWith(["sql:read"]);
  for (const { about, query, params, rows } of QUESTIONS) {
    await t.step(`a reading key asks with ${about}`, async () => {
      assert.deepEqual(await rowsOf(server.url, reader, query, params), rows);
    });
  }

  await t.step("a writing key upserts with RETURNING", async () => {
    const writer = await project.keyWith(["sql:write"]);
    const upsert = `INSERT INTO category (name) VALUES ($1), ($2)
      ON CONFLICT (name) DO UPDATE SET last_update = '2026-01-02 03:04:05.678901+01'
      RETURNING name, last_update = now() AS fresh, category_id <= 16 AS old`;
    assert.deepEqual(await rowsOf(server.url, writer, upsert, ["Action", "Western"]), [
      { name: "Action", fresh: false, old: true },
      { name: "Western", fresh: true, old: false },
    ]);
  });

  for (const { about, query } of WRITES) {
    await t.step(`a reading key cannot write by ${about}`, async () => {
      const before = await rowsOf(server.url, project.key, STATE);
      const answer = await executeSql(server.url, reader, query);
      assert.equal(answer.success, false, `${about} went through`);
      assert.equal(answer.status, 403, JSON.stringify(answer.error));
      assert.equal(answer.error.code, "QUERY_FORBIDDEN");
      assert.deepEqual(await rowsOf(server.url, project.key, STATE), before);
    });
  }
});

/** What a write would change. */
const STATE = `SELECT
  (SELECT string_agg(name, ',' ORDER BY name) FROM category) AS categories,
  (SELECT sum(rental_rate) FROM film) AS rates,
  (SELECT count(*) FROM film_category) AS links,
  (SELECT last_value FROM actor_actor_id_seq) AS sequence,
  to_regclass('public.stolen') IS NULL AS clean`;
