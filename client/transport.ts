/**
 * How calls reach the server: its addresses, the headers of each request, and answers that no
 * Fluxbase server gave turned into errors that say so.
 *
 * @module
 */
import { FluxbaseError } from "./errors.ts";

/** A value, or a function that is asked for it at each request. */
export type Evaluated<T> = T | (() => T | Promise<T>);

/** The part of `fetch` that the client uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Where the server is and who asks. */
export interface TransportOptions {
  /** The server's address, as `https://db.example.org`; a path in it is kept. */
  readonly url: string | URL;
  /** The project's API key, or the administrator's. */
  readonly key: string;
  /** The end user's JWT; `undefined` or null for none. A function is asked at each request. */
  readonly token?: Evaluated<string | null | undefined>;
  /** Further headers of each request. A function is asked at each request. */
  readonly headers?: Evaluated<Readonly<Record<string, string>>>;
  /** Instead of the runtime's own `fetch`. */
  readonly fetch?: Fetch;
}

/** The requests of one client. */
export interface Transport {
  /** Address of the procedures. */
  readonly url: string;
  /** The headers of a request, asked for anew. */
  headers(): Promise<Record<string, string>>;
  /** `fetch` that fails with `NETWORK` unless JSON comes back. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Checks the options; throws `TypeError` on a URL or key that cannot be one. */
export function transportOf(options: TransportOptions): Transport {
  const url = procedureUrl(options.url);
  const key = checkedKey(options.key);
  const send: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  return {
    url,
    async headers() {
      const [headers, token] = await Promise.all([
        evaluate(options.headers),
        evaluate(options.token),
      ]);
      return {
        ...headers,
        authorization: `Bearer ${key}`,
        ...(token === undefined || token === null ? {} : { "x-user-jwt": token }),
      };
    },
    async fetch(url, init) {
      // An API never redirects: following one would carry the end user's token to another host.
      const response = await send(url, { ...init, redirect: "manual" }).catch((cause: unknown) => {
        if (init.signal?.aborted) throw cause;
        throw unreachable(url, cause);
      });
      refuseForeign(url, response);
      return withCheckedBody(url, response, init);
    },
  };
}

function evaluate<T>(value: Evaluated<T> | undefined): T | undefined | Promise<T> {
  return typeof value === "function" ? (value as () => T | Promise<T>)() : value;
}

function procedureUrl(url: string | URL): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new TypeError(`Cannot use ${JSON.stringify(String(url))} as the server's URL`, { cause });
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new TypeError(`Cannot reach a server by the protocol "${parsed.protocol}"`);
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}/trpc`;
}

function checkedKey(key: unknown): string {
  if (typeof key === "string" && /^[\x21-\x7e]+$/.test(key)) return key;
  // Without quoting the value: most of it may be a secret.
  throw new TypeError("The key is empty or holds characters that no API key has");
}

/** A body that breaks off is the network's failure too, whoever reads it. */
function withCheckedBody(url: string, response: Response, init: RequestInit): Response {
  const readJson = response.json.bind(response);
  const json = async (): Promise<unknown> => {
    try {
      return await readJson();
    } catch (cause) {
      throw init.signal?.aborted ? cause : unreachable(url, cause);
    }
  };
  return Object.defineProperty(response, "json", { value: json });
}

function unreachable(url: string, cause: unknown): FluxbaseError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new FluxbaseError({
    code: "NETWORK",
    message: `Cannot reach ${new URL(url).origin}${reason}`,
    retryable: true,
  }, { cause });
}

/** Statuses by which proxies say that the server behind them is not there for the moment. */
const GATEWAY_STATUSES: readonly number[] = [502, 503, 504];

function refuseForeign(url: string, response: Response): void {
  const type = response.headers.get("content-type") ?? "";
  if (/^application\/([\w.+-]*\+)?json(l|;|$)/i.test(type)) return;
  void response.body?.cancel().catch(() => {});
  throw new FluxbaseError({
    code: "NETWORK",
    message: `The answer of ${new URL(url).origin} is not a Fluxbase server's ` +
      `(HTTP ${response.status}, ${type === "" ? "no content type" : `"${type}"`})`,
    retryable: GATEWAY_STATUSES.includes(response.status),
  });
}
