/**
 * One HTTP request and the making of its answer.
 *
 * @module
 */
import { asFluxbaseError, type ErrorCode, type FluxbaseError } from "../errors.ts";
import { logger } from "../observe/logger.ts";
import type { Call, ServerParts } from "./call.ts";
import { bearerOf, type Credentials } from "./identify.ts";
import { requestIdOf } from "./request_id.ts";

const log = logger("api");

/** The statement's own fault, or our own doing: nothing that an operator should look at. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["QUERY_TIMEOUT", "SHUTTING_DOWN"]);

/** A request with what its headers say. */
export class Exchange implements Call {
  readonly parts: ServerParts;
  readonly request: Request;
  readonly requestId: string;
  readonly credentials: Credentials;
  /** The route's template, for the metrics. */
  route = "other";
  readonly #info: Deno.ServeHandlerInfo;
  readonly #started = performance.now();
  /** The answer that was made here and needs no finish. */
  #own: Response | undefined;

  constructor(parts: ServerParts, request: Request, info: Deno.ServeHandlerInfo) {
    this.parts = parts;
    this.request = request;
    this.#info = info;
    const { headers } = request;
    this.requestId = requestIdOf(headers.get("x-request-id"));
    const origin = headers.get("origin");
    this.credentials = {
      bearer: bearerOf(headers.get("authorization")),
      userToken: headers.get("x-user-jwt"),
      origin,
      ownOrigin: origin !== null && hostOf(origin) === parts.proxies.host(this.peer, headers),
      trustedOrigin: origin !== null && parts.cors.trusts(origin),
    };
  }

  /** Address of the connection's other end, a proxy's perhaps. */
  get peer(): string {
    const { remoteAddr } = this.#info;
    return remoteAddr.transport === "tcp" ? remoteAddr.hostname : "";
  }

  get signal(): AbortSignal {
    return this.request.signal;
  }

  /** The client's address, as far as it can be trusted. */
  get client(): string {
    return this.parts.proxies.client(this.peer, this.request.headers);
  }

  /** An answer of JSON text. */
  json(status: number, text: string, vary?: string): Response {
    const headers: Record<string, string> = {
      "content-type": "application/json",
      "x-request-id": this.requestId,
    };
    if (vary !== undefined) headers["vary"] = vary;
    return this.#own = new Response(text, { status, headers });
  }

  /** An error in REST's shape. */
  failure(thrown: unknown): Response {
    const error = asFluxbaseError(thrown);
    this.report(error);
    return this.json(
      error.status,
      JSON.stringify({ success: false, error: error.toWire(this.requestId) }),
    );
  }

  /** Tells the log of errors that are the server's own. */
  report(error: FluxbaseError): void {
    if (error.code === "INTERNAL") {
      log.error("Request {requestId} met a defect on {route}: {error}", {
        requestId: this.requestId,
        route: this.route,
        error: error.cause ?? error,
      });
    } else if (error.status >= 500 && !EXPECTED.has(error.code)) {
      log.warning("Request {requestId} failed on {route} with {code}: {message}", {
        requestId: this.requestId,
        route: this.route,
        code: error.code,
        message: error.message,
      });
    }
  }

  /** What every answer gets, whichever face made it. */
  finish(response: Response): Response | Promise<Response> {
    const { status } = response;
    const milliseconds = performance.now() - this.#started;
    this.parts.metrics.request(this.route, this.request.method, status, milliseconds);
    if (log.isEnabledFor("debug")) this.#logAnswer(status, milliseconds);
    // Whoever asks a response for its headers makes Deno give up its short way of sending it.
    if (response !== this.#own) {
      if (!response.headers.has("x-request-id")) {
        response.headers.set("x-request-id", this.requestId);
      }
    }
    if (status === 401) response.headers.set("www-authenticate", "Bearer");
    if (status === 429) response.headers.set("retry-after", "60");
    if (status === 503) response.headers.set("retry-after", "1");
    const { origin, ownOrigin } = this.credentials;
    return origin === null || ownOrigin ? response : this.parts.cors.mark(response, origin);
  }

  #logAnswer(status: number, milliseconds: number): void {
    log.debug("{method} {route} {status} in {milliseconds} ms", {
      method: this.request.method,
      route: this.route,
      status,
      milliseconds: Math.round(milliseconds * 10) / 10,
      requestId: this.requestId,
    });
  }
}

/** `host:port` of an origin, as a `Host` header writes it; null for opaque origins. */
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
