import assert from "node:assert/strict";
import { redact } from "./redact.ts";

const SECRET = "0123456789abcdefghijklmnopqrstuvwxyzAB";

Deno.test("keys, tokens and passwords are taken out of text", () => {
  const texts = [
    `flx_sk_AbCdEfGhIjKl_${SECRET}`,
    `flx_pk_AbCdEfGhIjKl_${SECRET}`,
    `flx_admin_${SECRET}`,
    `Authorization: Bearer ${SECRET}`,
    `{"authorization":"Bearer ${SECRET}"}`,
    `{"headers":{"Authorization":"${SECRET}"}}`,
    `{"password":"${SECRET}"}`,
    `postgres://admin:${SECRET}@db.example.com:5432/postgres`,
    `postgres://admin:p%40${SECRET}@db.example.com`,
    `redis://:${SECRET}@cache`,
    `host=db password=${SECRET} user=admin`,
    `host=db password='${SECRET}' user=admin`,
    JSON.stringify({ message: JSON.stringify({ password: SECRET }) }),
    JSON.stringify(JSON.stringify(JSON.stringify({ token: `two words ${SECRET}` }))),
    `x-user-jwt: ${SECRET}`,
    `a token eyJhbGciOiJIUzI1NiJ9.${SECRET}.${SECRET} in the middle`,
    `http://localhost:8000/#code=${SECRET}`,
  ];
  for (const text of texts) {
    assert.ok(!redact(text).includes(SECRET.slice(0, 16)), `left in: ${redact(text)}`);
  }
});

Deno.test("a key's public id stays, so that a log line can be traced to a key", () => {
  assert.match(redact(`key flx_sk_AbCdEfGhIjKl_${SECRET} used`), /key flx_sk_AbCdEfGhIjKl… used/);
});

Deno.test("ordinary text stays as it is", () => {
  const text =
    '{"code":"QUERY_SYNTAX","level":"INFO","message":"POST /api/execute-sql 200 in 3 ms","url":"http://a.b/c?x=1"}';
  assert.equal(redact(text), text);
});
