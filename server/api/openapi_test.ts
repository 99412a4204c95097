import assert from "node:assert/strict";
import { ERROR_CODES } from "../errors.ts";
import { openapiDocument, openapiText } from "./openapi.ts";
import { PLAIN_ROUTES, REST_ROUTES } from "./rest_routes.ts";

interface Operation {
  readonly operationId?: string;
  readonly summary: string;
  readonly security: readonly Record<string, readonly string[]>[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema: unknown; readonly example?: unknown }>;
  };
  readonly responses: Record<string, unknown>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, unknown>>;
}

const document = JSON.parse(openapiText()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
);

/** Every `$ref` in a value. */
function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "$ref" && typeof inner === "string" ? [inner] : references(inner)
  );
}

Deno.test("every REST route is in the OpenAPI document, and nothing else is", () => {
  const served = [
    ...REST_ROUTES.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`),
    ...PLAIN_ROUTES.map(({ path }) => `get ${path}`),
  ].sort();
  const documented = operations.map(({ method, path }) => `${method} ${path}`).sort();
  assert.deepEqual(documented, served);
});

Deno.test("the OpenAPI document is whole: ids, parameters, answers, references", () => {
  assert.equal(document.openapi, "3.1.0");
  const ids = operations.flatMap(({ operation }) => operation.operationId ?? []);
  assert.equal(new Set(ids).size, ids.length);
  for (const { path, method, operation } of operations) {
    const place = `${method} ${path}`;
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    assert.deepEqual(operation.parameters?.map(({ name }) => name) ?? [], named, place);
    assert.ok(operation.summary.length > 0, place);
    assert.ok(Object.keys(operation.responses).some((status) => /^20\d$/.test(status)), place);
    for (const requirement of operation.security) {
      for (const scheme of Object.keys(requirement)) {
        assert.ok(document.components["securitySchemes"]?.[scheme], `${place} ${scheme}`);
      }
    }
  }
  for (const reference of references(document)) {
    const found = reference.slice(2).split("/").reduce<unknown>(
      (value, name) => (value as Record<string, unknown> | undefined)?.[name],
      document,
    );
    assert.ok(found, reference);
  }
});

Deno.test("every example of a body is taken by the schema that the route parses with", () => {
  for (const { body, bodyExample, path } of REST_ROUTES) {
    if (body !== undefined) assert.equal(body.safeParse(bodyExample).error, undefined, path);
  }
});

Deno.test("the documented error has every code of the registry", () => {
  const text = JSON.stringify(document.components["schemas"]?.["Error"]);
  for (const code of Object.keys(ERROR_CODES)) assert.ok(text.includes(`"${code}"`), code);
});

Deno.test("a misspelt field of a body is refused, not ignored", () => {
  const route = REST_ROUTES.find(({ id }) => id === "executeSql");
  const parsed = route?.body?.safeParse({ query: "SELECT 1", parms: [] });
  assert.match(parsed?.error?.issues[0]?.message ?? "", /parms/);
});

Deno.test("the document is the same at each call", () => {
  assert.deepEqual(openapiDocument(), openapiDocument());
});
