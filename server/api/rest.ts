/**
 * The routes that are not hot: the REST table, health, metrics, documentation and the playground.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import type { z } from "zod";
import { FluxbaseError } from "../errors.ts";
import { parseJson, readText } from "./body.ts";
import type { ServerParts } from "./call.ts";
import type { Exchange } from "./exchange.ts";
import { executeSql } from "./execute_sql.ts";
import { bearerOf, requireBearer } from "./identify.ts";
import { openapiText } from "./openapi.ts";
import { REST_ROUTES, type RestRoute } from "./rest_routes.ts";
import { playgroundApp } from "./static.ts";
import { badInput } from "./trpc.ts";

type Environment = { Bindings: { exchange: Exchange } };

/** A handler of every path; the exchange comes with the request as `env.exchange`. */
export function restApp(parts: ServerParts): Hono<Environment> {
  const app = new Hono<Environment>();
  for (const route of REST_ROUTES) {
    app.on(route.method.toUpperCase(), route.path, (context) => answer(route, context));
  }
  const documentation = openapiText();
  app.get("/api/openapi.json", ({ env: { exchange } }) => {
    exchange.route = "/api/openapi.json";
    return exchange.json(200, documentation);
  });
  app.get("/healthz", ({ env: { exchange } }) => {
    exchange.route = "/healthz";
    return exchange.json(200, '{"status":"ok"}');
  });
  app.get("/readyz", async ({ env: { exchange } }) => {
    exchange.route = "/readyz";
    const { ready, missing } = await parts.health.readiness();
    return exchange.json(
      ready ? 200 : 503,
      JSON.stringify(ready ? { status: "ready" } : { status: "not ready", missing }),
    );
  });
  app.get("/metrics", ({ env: { exchange } }) => metrics(exchange));
  for (const path of new Set(REST_ROUTES.map((route) => route.path))) {
    app.all(path, ({ env: { exchange } }) => wrongMethod(exchange, path));
  }
  app.all("/api/*", ({ env: { exchange } }) => noRoute(exchange));
  const playground = playgroundApp(parts.playground);
  app.all("*", ({ env: { exchange } }) => {
    exchange.route = "/";
    const { method } = exchange.request;
    return method === "GET" || method === "HEAD"
      ? playground.fetch(exchange.request)
      : noRoute(exchange);
  });
  app.onError((thrown, { env: { exchange } }) => exchange.failure(thrown));
  return app;
}

async function answer(route: RestRoute, context: Context<Environment>): Promise<Response> {
  const { exchange } = context.env;
  exchange.route = route.path;
  if (route.run === undefined) return await executeSql(exchange);
  try {
    if (route.access !== "anyone") requireBearer(exchange);
    const body = route.body === undefined ? undefined : await bodyOf(exchange, route.body);
    const result = await route.run(exchange, context.req.param(), body);
    return exchange.json(route.status, JSON.stringify({ success: true, ...result }));
  } catch (thrown) {
    return exchange.failure(thrown);
  }
}

/** The body by its own schema, which knows no parameter of the path: one cannot be given twice. */
async function bodyOf(exchange: Exchange, schema: z.ZodType): Promise<unknown> {
  const json = parseJson(await readText(exchange.request, exchange.parts.maxBodyBytes));
  const body = schema.safeParse(json);
  if (!body.success) throw badInput(body.error);
  return body.data;
}

async function metrics(exchange: Exchange): Promise<Response> {
  exchange.route = "/metrics";
  const { metrics, metricsToken, proxies } = exchange.parts;
  const { headers } = exchange.request;
  const allowed = metricsToken === undefined
    ? proxies.fromLoopback(exchange.peer, headers)
    : sameText(bearerOf(headers.get("authorization")) ?? "", metricsToken);
  if (!allowed) {
    return exchange.failure(
      new FluxbaseError(
        "UNAUTHORIZED",
        metricsToken === undefined
          ? "Metrics are for this machine itself; set METRICS_TOKEN to read them from elsewhere"
          : 'Send METRICS_TOKEN as "Authorization: Bearer <token>"',
      ),
    );
  }
  const { text, contentType } = await metrics.text();
  return new Response(text, { headers: { "content-type": contentType } });
}

function wrongMethod(exchange: Exchange, path: string): Response {
  exchange.route = path;
  const methods = REST_ROUTES.filter((route) => route.path === path)
    .map((route) => route.method.toUpperCase()).join(", ");
  const { method } = exchange.request;
  const response = exchange.failure(
    new FluxbaseError("METHOD_NOT_ALLOWED", `${path} takes ${methods}, not ${method}`),
  );
  response.headers.set("allow", methods);
  return response;
}

function noRoute(exchange: Exchange): Response {
  const { pathname } = new URL(exchange.request.url);
  return exchange.failure(
    new FluxbaseError("ROUTE_NOT_FOUND", `No route has the path "${pathname}"`),
  );
}

function sameText(a: string, b: string): boolean {
  const encoder = new TextEncoder();
  const [left, right] = [encoder.encode(a), encoder.encode(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
