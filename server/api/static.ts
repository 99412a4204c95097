/**
 * The playground: files of its build, with a strict content security policy.
 *
 * @module
 */
import { Hono } from "hono";
import { compress } from "hono/compress";
import { serveStatic } from "hono/deno";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";

/**
 * Only the playground's own files run, and they talk to this server only. `wasm-unsafe-eval` is
 * not in it, neither is any inline style: CodeMirror adopts constructed style sheets in its shadow
 * root, and Svelte's components are compiled to a style sheet of their own.
 */
const POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", "data:"],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  workerSrc: ["'self'"],
  manifestSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

const MISSING = `The playground is not built.

Run "deno task build" once, or start the server with "deno task start", which builds it.
The API answers all the same: see /api/openapi.json
`;

/** Serves `folder`; any path of no file is the app's own, so it gets the page. */
export function playgroundApp(folder: string): Hono {
  const app = new Hono();
  app.use(secureHeaders({
    contentSecurityPolicy: POLICY,
    crossOriginOpenerPolicy: "same-origin",
    referrerPolicy: "no-referrer",
    strictTransportSecurity: false,
    xFrameOptions: "DENY",
  }));
  app.use(compress());
  app.use(etag());
  app.use("/assets/*", async (context, next) => {
    await next();
    if (context.res.ok) {
      // Names in this folder hold a hash of their content.
      context.res.headers.set("cache-control", "public, max-age=31536000, immutable");
    }
  });
  app.use(async (context, next) => {
    await next();
    if (!context.res.headers.has("cache-control")) {
      context.res.headers.set("cache-control", "no-cache");
    }
  });
  app.get("*", serveStatic({ root: folder }));
  app.get("/assets/*", (context) => context.text("No such file\n", 404));
  app.get("*", serveStatic({ root: folder, path: "index.html" }));
  app.get("*", (context) => context.text(MISSING, 503));
  return app;
}
