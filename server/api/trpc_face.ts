/**
 * `/trpc/*`: the fast lane for the hot calls, tRPC's own adapter for all others.
 *
 * @module
 */
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { asFluxbaseError } from "../errors.ts";
import { readText, requireShallow } from "./body.ts";
import type { Call } from "./call.ts";
import type { Exchange } from "./exchange.ts";
import { answerLane, laneCalls, MAX_BATCH } from "./fast_lane.ts";
import { requireBearer } from "./identify.ts";
import { appRouter } from "./router.ts";
import { errorShape, fromTrpc } from "./trpc.ts";

const ENDPOINT = "/trpc";

/** Answers a call on tRPC's wire; `target` is what follows `/trpc/` in the URL. */
export async function answerTrpc(exchange: Exchange, target: string): Promise<Response> {
  exchange.route = routeOf(target);
  const { request } = exchange;
  try {
    requireBearer(exchange);
    if (request.method !== "POST") {
      requireShallow(decoded(target));
      return await answerByAdapter(exchange, request);
    }
    const text = await readText(request, exchange.parts.maxBodyBytes);
    const calls = laneCalls(target, request.headers);
    if (calls !== undefined) return await answerLane(exchange, calls, text);
    requireShallow(text);
    return await answerByAdapter(exchange, withBody(request, text));
  } catch (thrown) {
    const error = asFluxbaseError(thrown);
    exchange.report(error);
    return exchange.json(
      error.status,
      JSON.stringify({ error: errorShape(error, exchange.requestId, undefined) }),
    );
  }
}

/** tRPC's own way; every call could take it. */
export function answerByAdapter(exchange: Exchange, req: Request): Promise<Response> {
  const { parts, credentials, requestId, signal } = exchange;
  return fetchRequestHandler({
    endpoint: ENDPOINT,
    req,
    router: appRouter,
    maxBatchSize: MAX_BATCH,
    createContext: (): Call => ({ parts, credentials, requestId, signal }),
    onError: ({ error }) => exchange.report(fromTrpc(error)),
  });
}

/** The request once more, its body as the text that was read from it. */
function withBody(request: Request, body: string): Request {
  const { url, method, headers, signal } = request;
  return new Request(url, { method, headers, signal, body });
}

/** A malformed escape stays; the adapter refuses it by its own error. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const KNOWN: ReadonlySet<string> = new Set(Object.keys(appRouter._def.procedures));

/** The procedure as a label: known names only, so that callers cannot make labels. */
function routeOf(target: string): string {
  const path = target.split("?", 1)[0] ?? "";
  if (KNOWN.has(path)) return `${ENDPOINT}/${path}`;
  return path.includes(",") ? `${ENDPOINT}/batch` : `${ENDPOINT}/other`;
}
