/**
 * Every request's way in: the two hot paths are told by their text and answered at once, all
 * others go to the router.
 *
 * @module
 */
import type { ServerParts } from "./call.ts";
import { Exchange } from "./exchange.ts";
import { executeSql } from "./execute_sql.ts";
import { restApp } from "./rest.ts";
import { answerTrpc } from "./trpc_face.ts";

const TRPC = "/trpc/";
const EXECUTE_SQL = "/api/execute-sql";

/** The handler for `Deno.serve`. */
export function createHandler(
  parts: ServerParts,
): (request: Request, info: Deno.ServeHandlerInfo) => Promise<Response> {
  const rest = restApp(parts);
  return async (request, info) => {
    const exchange = new Exchange(parts, request, info);
    try {
      return await exchange.finish(await answer(exchange, rest));
    } catch (thrown) {
      return exchange.failure(thrown);
    }
  };
}

function answer(
  exchange: Exchange,
  rest: ReturnType<typeof restApp>,
): Response | Promise<Response> {
  const { request } = exchange;
  const { method, url } = request;
  if (method === "OPTIONS") {
    const { origin } = exchange.credentials;
    exchange.route = "preflight";
    if (origin !== null) return exchange.parts.cors.preflight(origin);
  }
  // The path starts at the first slash after "https://" and the host.
  const path = url.slice(url.indexOf("/", 8));
  if (method === "POST" && path === EXECUTE_SQL) {
    exchange.route = EXECUTE_SQL;
    return executeSql(exchange);
  }
  if (path.startsWith(TRPC)) return answerTrpc(exchange, path.slice(TRPC.length));
  return rest.fetch(request, { exchange });
}
