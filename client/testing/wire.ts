/**
 * A server of the same tRPC version with procedures of the test's own: for what the wire looks
 * like, not for what Fluxbase answers.
 *
 * @module
 */
import { initTRPC } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import type { StreamChunk } from "../stream.ts";

/** A server that listens until the scope ends. */
export interface WireServer extends AsyncDisposable {
  readonly url: string;
}

/** Answers every request by `handle`. */
export function serve(handle: (request: Request) => Response | Promise<Response>): WireServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handle);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}

/** Answers `sql.stream` by the given chunks, through tRPC's own adapter. */
export function serveStream(
  chunks: (input: unknown, signal: AbortSignal) => AsyncGenerator<StreamChunk, void>,
): WireServer {
  const t = initTRPC.create({ isDev: false, jsonl: { pingMs: 50 } });
  const router = t.router({
    sql: {
      stream: t.procedure.input((input) => input).mutation(async function* ({ input, signal }) {
        yield* chunks(input, signal ?? new AbortController().signal);
      }),
    },
  });
  return serve((req) => fetchRequestHandler({ endpoint: "/trpc", req, router }));
}
