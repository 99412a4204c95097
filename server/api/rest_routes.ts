/**
 * The REST routes as one table: the router serves it and the OpenAPI document is made of it, so
 * that neither can know a route that the other does not.
 *
 * @module
 */
import { z } from "zod";
import type { Exchange } from "./exchange.ts";
import * as operations from "./operations.ts";
import { executeSqlBody, executeSqlResult, inputs, outputs } from "./schemas.ts";
import { badInput } from "./trpc.ts";

/** Who may use a route. */
export type RouteAccess = "project" | "admin" | "anyone";

/** One route. */
export interface RestRoute {
  readonly method: "get" | "post" | "patch" | "delete";
  /** Template with `:name` parameters. */
  readonly path: string;
  /** Name of the operation, unique. */
  readonly id: string;
  readonly summary: string;
  readonly access: RouteAccess;
  readonly status: 200 | 201;
  readonly body?: z.ZodType;
  readonly bodyExample?: unknown;
  /** Fields of the answer beside `success`. */
  readonly result: z.ZodObject;
  /**
   * Gives those fields; throws what the caller is told. The body has passed `body`. Absent where
   * the hot path answers.
   */
  readonly run?: (
    exchange: Exchange,
    params: Readonly<Record<string, string>>,
    body: unknown,
  ) => Promise<object>;
}

type Params = Readonly<Record<string, string>>;

/** Parses input by a schema and hands it on; a fault is told by its place. */
function parsed<Schema extends z.ZodType>(
  schema: Schema,
  operation: (exchange: Exchange, input: z.output<Schema>) => Promise<object>,
  inputOf: (params: Params, body: unknown) => unknown,
): NonNullable<RestRoute["run"]> {
  return (exchange, params, body) => {
    const input = schema.safeParse(inputOf(params, body));
    if (!input.success) throw badInput(input.error);
    return operation(exchange, input.data);
  };
}

const bodyAlone = (_params: Params, body: unknown) => body;
const paramsAlone = (params: Params) => params;

/** The body's fields and the path's parameters, some under another name. */
function merged(rename: Readonly<Record<string, string>> = {}) {
  return (params: Params, body: unknown): object => {
    const renamed = Object.entries(params).map(([name, value]) => [rename[name] ?? name, value]);
    return { ...body as object | undefined, ...Object.fromEntries(renamed) };
  };
}

const none = z.object({});
const oneProject = z.object({ project: outputs.project });
const oneServer = z.object({ server: outputs.server });
const newProjectId = "shop";

/** Every route with JSON in and out. */
export const REST_ROUTES: readonly RestRoute[] = [
  {
    method: "post",
    path: "/api/execute-sql",
    id: "executeSql",
    summary: "Run one SQL statement with bound parameters",
    access: "project",
    status: 200,
    body: executeSqlBody,
    bodyExample: { query: "SELECT id, name FROM users WHERE active = $1 LIMIT 5", params: [true] },
    result: executeSqlResult,
  },
  {
    method: "post",
    path: "/api/projects",
    id: "createProject",
    summary: "Make a project; answers with its first key, which is shown this once",
    access: "admin",
    status: 201,
    body: inputs.createProject,
    bodyExample: { id: newProjectId, dialect: "postgres" },
    result: oneProject.extend({ key: outputs.newKey.shape.key }),
    run: parsed(inputs.createProject, operations.createProject, bodyAlone),
  },
  {
    method: "get",
    path: "/api/projects",
    id: "listProjects",
    summary: "List the projects",
    access: "admin",
    status: 200,
    result: z.object({ projects: z.array(outputs.project) }),
    run: operations.listProjects,
  },
  {
    method: "get",
    path: "/api/projects/:id",
    id: "getProject",
    summary: "Show one project",
    access: "admin",
    status: 200,
    result: oneProject,
    run: parsed(inputs.projectId, operations.getProject, paramsAlone),
  },
  {
    method: "delete",
    path: "/api/projects/:id",
    id: "deleteProject",
    summary: "Remove a project with all its data; it answers nothing from now on",
    access: "admin",
    status: 200,
    result: none,
    run: parsed(inputs.projectId, operations.deleteProject, paramsAlone),
  },
  {
    method: "patch",
    path: "/api/projects/:id",
    id: "updateSettings",
    summary: "Change settings of a project",
    access: "admin",
    status: 200,
    body: inputs.updateSettings.omit({ id: true }),
    bodyExample: { settings: { maxRows: 1000 } },
    result: oneProject,
    run: parsed(inputs.updateSettings, operations.updateSettings, merged()),
  },
  {
    method: "post",
    path: "/api/projects/:id/extensions",
    id: "installExtension",
    summary: "Install an extension from the server's list of allowed ones",
    access: "admin",
    status: 200,
    body: inputs.installExtension.omit({ id: true }),
    bodyExample: { name: "pg_trgm" },
    result: none,
    run: parsed(inputs.installExtension, operations.installExtension, merged()),
  },
  {
    method: "post",
    path: "/api/projects/:id/keys",
    id: "createKey",
    summary: "Make a key, which is shown this once",
    access: "admin",
    status: 201,
    body: inputs.createKey.omit({ projectId: true }),
    bodyExample: { scopes: ["sql:read"], kind: "publishable", name: "web app" },
    result: outputs.newKey,
    run: parsed(inputs.createKey, operations.createKey, merged({ id: "projectId" })),
  },
  {
    method: "get",
    path: "/api/projects/:id/keys",
    id: "listKeys",
    summary: "List a project's keys, never their secrets",
    access: "admin",
    status: 200,
    result: z.object({ keys: z.array(outputs.key) }),
    run: parsed(inputs.listKeys, operations.listKeys, merged({ id: "projectId" })),
  },
  {
    method: "delete",
    path: "/api/projects/:id/keys/:keyId",
    id: "revokeKey",
    summary: "Revoke a key; within a second it opens nothing any more",
    access: "admin",
    status: 200,
    result: none,
    run: parsed(inputs.revokeKey, operations.revokeKey, merged({ id: "projectId" })),
  },
  {
    method: "get",
    path: "/api/servers",
    id: "listServers",
    summary: "List the database servers",
    access: "admin",
    status: 200,
    result: z.object({ servers: z.array(outputs.server) }),
    run: operations.listServers,
  },
  {
    method: "post",
    path: "/api/servers",
    id: "addServer",
    summary: "Add a database server, on which projects can be placed from now on",
    access: "admin",
    status: 201,
    body: inputs.addServer,
    bodyExample: {
      name: "second",
      dialect: "postgres",
      url: "postgres://admin:password@db2.example.com:5432/postgres",
    },
    result: oneServer,
    run: parsed(inputs.addServer, operations.addServer, bodyAlone),
  },
  {
    method: "patch",
    path: "/api/servers/:name",
    id: "updateServer",
    summary: "Drain a database server, so that it takes no new projects, or let it take them again",
    access: "admin",
    status: 200,
    body: inputs.updateServer.omit({ name: true }),
    bodyExample: { state: "draining" },
    result: oneServer,
    run: parsed(inputs.updateServer, operations.updateServer, merged()),
  },
  {
    method: "post",
    path: "/api/sign-in",
    id: "signIn",
    summary: "Exchange the one-time code of the printed address for the demo project's key",
    access: "anyone",
    status: 200,
    body: inputs.signIn,
    bodyExample: { code: "3q2-7wAAAAAAAAAAAAAAAA" },
    result: outputs.signIn,
    run: parsed(
      inputs.signIn,
      (exchange, { code }) => exchange.parts.signIn.redeem(code, exchange.client),
      bodyAlone,
    ),
  },
];

/** Routes whose answers are not of that shape; described by hand. */
export const PLAIN_ROUTES = [
  { path: "/api/openapi.json", type: "application/json", summary: "This document" },
  { path: "/healthz", type: "application/json", summary: "Whether the process is alive" },
  {
    path: "/readyz",
    type: "application/json",
    summary: "Whether the server can do its work, and what is missing (503)",
  },
  {
    path: "/metrics",
    type: "text/plain",
    summary: "Metrics for Prometheus; by METRICS_TOKEN, or from this machine itself",
  },
] as const;
