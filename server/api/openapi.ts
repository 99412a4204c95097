/**
 * `GET /api/openapi.json`: OpenAPI 3.1, made of the table of routes and their zod schemas.
 *
 * @module
 */
import { z } from "zod";
import { ERROR_CODES } from "../errors.ts";
import { PLAIN_ROUTES, REST_ROUTES, type RestRoute, type RouteAccess } from "./rest_routes.ts";
import { wireError } from "./schemas.ts";

const VERSION = "0.1.0";

const SECURITY: Record<RouteAccess, readonly Record<string, readonly string[]>[]> = {
  project: [{ projectKey: [] }],
  admin: [{ adminKey: [] }],
  anyone: [],
};

/** The document as JSON text; the same at each call. */
export function openapiText(): string {
  return JSON.stringify(openapiDocument(), null, 2);
}

/** The document. */
export function openapiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of REST_ROUTES) {
    (paths[templateOf(route.path)] ??= {})[route.method] = operationOf(route);
  }
  for (const { path, type, summary } of PLAIN_ROUTES) {
    paths[path] = {
      get: {
        summary,
        security: [],
        responses: { 200: { description: summary, content: { [type]: {} } } },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Fluxbase",
      version: VERSION,
      description: "SQL over HTTP with project-scoped keys. Errors have one shape everywhere.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      securitySchemes: {
        projectKey: { type: "http", scheme: "bearer", description: "A project's API key" },
        adminKey: { type: "http", scheme: "bearer", description: "The administrator's key" },
      },
      schemas: { Error: jsonSchema(failure) },
      responses: {
        Failure: {
          description: "The call failed",
          headers: { "x-request-id": REQUEST_ID },
          content: {
            "application/json": {
              schema: { $ref: "#/components/schemas/Error" },
              example: {
                success: false,
                error: {
                  code: "QUERY_SYNTAX",
                  message: 'syntax error at or near "FORM"',
                  sqlstate: "42601",
                  position: 10,
                  retryable: false,
                  requestId: "0190b6f2-6c2c-7bd4-8d3e-3f1c7a5d9e10",
                },
              },
            },
          },
        },
      },
    },
    "x-error-codes": Object.fromEntries(
      Object.entries(ERROR_CODES).map(([code, { status, meaning, retryable }]) => [
        code,
        { status, meaning, retryable },
      ]),
    ),
  };
}

const failure = z.object({ success: z.literal(false), error: wireError });
const REQUEST_ID = {
  schema: { type: "string" },
  description: "Id of the request, as in logs and errors",
};

function operationOf(route: RestRoute): Record<string, unknown> {
  const { id, summary, access, status, body, bodyExample, result } = route;
  const success = z.object({ success: z.literal(true) }).extend(result.shape);
  return {
    operationId: id,
    summary,
    security: SECURITY[access],
    ...parametersOf(route.path),
    ...(body === undefined ? {} : {
      requestBody: {
        required: true,
        content: { "application/json": { schema: jsonSchema(body), example: bodyExample } },
      },
    }),
    responses: {
      [status]: {
        description: "Done",
        headers: { "x-request-id": REQUEST_ID },
        content: { "application/json": { schema: jsonSchema(success) } },
      },
      default: { $ref: "#/components/responses/Failure" },
    },
  };
}

function parametersOf(path: string): { readonly parameters?: readonly unknown[] } {
  const names = [...path.matchAll(/:(\w+)/g)].map((match) => match[1]);
  if (names.length === 0) return {};
  return {
    parameters: names.map((name) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
  };
}

/** `/a/:id` in OpenAPI's way of writing, `/a/{id}`. */
function templateOf(path: string): string {
  return path.replace(/:(\w+)/g, "{$1}");
}

function jsonSchema(schema: z.ZodType): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io: "input" });
  return rest;
}
