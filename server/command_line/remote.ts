/**
 * A running server, as the administrator talks to it.
 *
 * @module
 */
import type { Config } from "../config.ts";
import { DataFolder } from "../data_folder.ts";
import { UsageError } from "./usage.ts";

/** What a server answers: fields beside `success`, or `error`. */
type Answer = Record<string, unknown> & { readonly error?: { readonly message?: string } };

/** One server and the administrator's key to it. */
export class Remote {
  readonly #url: string;
  readonly #adminKey: string;

  private constructor(url: string, adminKey: string) {
    this.#url = url;
    this.#adminKey = adminKey;
  }

  /** By `--url` and the environment; the key from the data folder where no variable has it. */
  static async of(config: Config, url: string | undefined): Promise<Remote> {
    const base = url ?? usualUrl(config);
    if (!/^https?:$/.test(URL.canParse(base) ? new URL(base).protocol : "")) {
      throw new UsageError(
        `--url is "${base}"; it must be an address such as http://127.0.0.1:8000`,
      );
    }
    const key = config.adminKey ?? await readKey(config.dataDir);
    return new Remote(base.replace(/\/+$/, ""), key);
  }

  /** Calls a route of `/api`; throws the server's own words where it refuses. */
  async call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    return await this.#send(method, `/api${path}`, this.#adminKey, body);
  }

  /** Calls a query of `/trpc` by a project's key. */
  async query(procedure: string, key: string): Promise<unknown> {
    const answer = await this.#send("GET", `/trpc/${procedure}`, key);
    return (answer["result"] as { readonly data?: unknown } | undefined)?.data;
  }

  async #send(method: string, path: string, key: string, body?: unknown): Promise<Answer> {
    let response: Response;
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new UsageError(
        `No Fluxbase answers at ${this.#url}: start it, or name another by --url`,
        { cause },
      );
    }
    const answer = await response.json().catch(() => undefined) as Answer | undefined;
    if (response.ok && answer !== undefined) return answer;
    throw new UsageError(
      answer?.error?.message ?? `${this.#url} answered with status ${response.status}`,
    );
  }
}

function usualUrl({ host, port, tls }: Config): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const name = reachable.includes(":") ? `[${reachable}]` : reachable;
  return `${tls === undefined ? "http" : "https"}://${name}:${port}`;
}

async function readKey(dataDir: string): Promise<string> {
  const found = await Deno.stat(dataDir).then(() => true, () => false);
  const key = found ? await (await DataFolder.open(dataDir)).read("admin-key") : undefined;
  if (key !== undefined) return key;
  throw new UsageError(
    `No administrator's key in "${dataDir}": set FLUXBASE_ADMIN_KEY, or FLUXBASE_DATA_DIR to the ` +
      "folder of the server",
  );
}
