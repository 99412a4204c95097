/**
 * Which pages may call. A preflight carries no key, so it is answered for any origin that the
 * server or one of its projects allows; the request itself is then held to the project's own list
 * (`identify.ts`). Cookies and other ambient credentials are never allowed, so what a page can do
 * here it can do with its key alone.
 *
 * @module
 */
import type { ControlPlane } from "../projects/types.ts";
import { originListed } from "./identify.ts";

const FRESH_MS = 1_000;
const ALLOWED_HEADERS =
  "authorization, content-type, x-user-jwt, x-request-id, trpc-accept, last-event-id";
const EXPOSED_HEADERS = "x-request-id, retry-after, server-timing";

/** The origins that the server and its projects allow. */
export class Cors {
  readonly #server: readonly string[];
  readonly #control: Pick<ControlPlane, "listProjects">;
  #projects: readonly string[] = [];
  #readAt = -Infinity;

  constructor(server: readonly string[], control: Pick<ControlPlane, "listProjects">) {
    this.#server = server;
    this.#control = control;
  }

  /** Whether `CORS_ORIGINS` allows the origin for every project. */
  trusts(origin: string): boolean {
    return originListed(this.#server, origin);
  }

  /** Whether the server or any project allows the origin. */
  async allows(origin: string): Promise<boolean> {
    if (this.trusts(origin)) return true;
    if (performance.now() - this.#readAt > FRESH_MS) {
      const projects = await this.#control.listProjects();
      this.#projects = projects.flatMap(({ settings }) => settings.corsOrigins);
      this.#readAt = performance.now();
    }
    return originListed(this.#projects, origin);
  }

  /** Answers a preflight. */
  async preflight(origin: string): Promise<Response> {
    const headers = new Headers({
      vary: "origin, access-control-request-method, access-control-request-headers",
    });
    if (await this.allows(origin)) {
      headers.set("access-control-allow-origin", origin);
      headers.set("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE");
      headers.set("access-control-allow-headers", ALLOWED_HEADERS);
      headers.set("access-control-max-age", "600");
    }
    return new Response(null, { status: 204, headers });
  }

  /** Lets the page read the answer where its origin is allowed. */
  async mark(response: Response, origin: string): Promise<Response> {
    response.headers.append("vary", "origin");
    if (await this.allows(origin)) {
      response.headers.set("access-control-allow-origin", origin);
      response.headers.set("access-control-expose-headers", EXPOSED_HEADERS);
    }
    return response;
  }
}
