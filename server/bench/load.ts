/**
 * Load from outside the measured process: `wrk`, a closed loop over HTTP/1.1.
 *
 * @module
 */

/** One request, sent again and again. */
export interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What one run of the load gave. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Clients that send at once, each the next request when the answer is there. */
export const CLIENTS = 32;

/** Sends `request` for `seconds` from 32 clients; throws when any answer is not a 2xx. */
export async function load(request: Request, seconds: number): Promise<LoadResult> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  try {
    await Deno.writeTextFile(script, scriptOf(request));
    const { stdout, stderr, success } = await new Deno.Command("wrk", {
      args: [`-t1`, `-c${CLIENTS}`, `-d${seconds}s`, "--latency", "-s", script, request.url],
    }).output().catch((cause) => {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw new Error('Cannot find the program "wrk": on Debian "apt-get install wrk"', { cause });
    });
    const text = new TextDecoder().decode(stdout);
    if (!success) throw new Error(`wrk failed: ${new TextDecoder().decode(stderr)}`);
    const failed = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1];
    if (failed !== undefined) throw new Error(`${failed} answers of ${request.url} were errors`);
    return {
      requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
      p50: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(text)),
      p99: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(text)),
    };
  } finally {
    await Deno.remove(script);
  }
}

function scriptOf({ headers, body }: Request): string {
  const lines = Object.entries(headers).map(([name, value]) =>
    `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`
  );
  return [`wrk.method = "POST"`, ...lines, `wrk.body = [[${body}]]`].join("\n");
}

function milliseconds(match: RegExpExecArray | null): number {
  const unit = match?.[2];
  const factor = unit === "us" ? 0.001 : unit === "s" ? 1000 : 1;
  return Number(match?.[1]) * factor;
}
