/**
 * tRPC's links: every call is a request of its own, so that aborting it ends it on the server (a
 * batch would go on until its last call is aborted), and streams are read as they come.
 *
 * @module
 */
import { httpBatchStreamLink, httpLink, splitLink, type TRPCLink } from "@trpc/client";
import type { AppRouter } from "./contract.ts";
import type { Transport } from "./transport.ts";

/** The links of a client. */
export function linksOf(transport: Transport): TRPCLink<AppRouter>[] {
  const { url, headers } = transport;
  // tRPC calls its fetch with a URL as text and an init of its own making.
  const fetch = (url: RequestInfo | URL, init?: object) =>
    transport.fetch(String(url), { ...init });
  return [
    splitLink({
      condition: ({ path }) => path === "sql.stream",
      true: httpBatchStreamLink({ url, headers, fetch, maxItems: 1 }),
      false: httpLink({ url, headers, fetch }),
    }),
  ];
}
