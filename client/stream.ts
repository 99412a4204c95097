/**
 * A result of any length, row by row. tRPC's own reader of streams takes in whatever the server
 * sends as fast as it sends; this one reads the same wire format (JSON lines) on demand, so that a
 * slow loop slows the server down and memory stays bounded.
 *
 * The first line is a map of the batch's calls, here of one. Each value is `[[data], ...async]`,
 * where an entry of `async` is `[key, kind, id]`: the value under `key` comes later, in lines
 * `[id, status, …]`, as a promise (kind 0) or item by item (kind 1).
 *
 * @module
 */
import { errorFromShape, FluxbaseError } from "./errors.ts";
import type { Column } from "./rows.ts";
import type { Transport } from "./transport.ts";

/** One piece of a streamed result; the first holds the columns. */
export type StreamChunk =
  | { readonly columns: readonly Column[] }
  | { readonly rows: readonly (readonly unknown[])[] }
  | { readonly done: { readonly rowCount: number; readonly command: string } };

const ASYNC_ITERABLE = 1;
const ITEM_RETURN = 0;
const ITEM_YIELD = 1;
const PROMISE_FULFILLED = 0;

/**
 * Calls a procedure that answers with a stream. Leaving the loop, or the signal, ends the request
 * and with it the statement.
 */
export async function* openStream(
  transport: Transport,
  procedure: string,
  input: unknown,
  signal: AbortSignal | undefined,
): AsyncGenerator<StreamChunk, void> {
  signal?.throwIfAborted();
  const left = new AbortController();
  const stop = () => left.abort(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const response = await transport.fetch(`${transport.url}/${procedure}?batch=1`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "trpc-accept": "application/jsonl",
        ...await transport.headers(),
      },
      body: JSON.stringify({ 0: input }),
      signal: left.signal,
    });
    if (!response.ok || response.body === null) throw await refusal(response);
    yield* items(lines(response.body));
  } catch (thrown) {
    if (signal?.aborted) throw signal.reason;
    throw thrown;
  } finally {
    signal?.removeEventListener("abort", stop);
    left.abort();
  }
}

/** The items of the one stream that the lines hold. */
async function* items(lines: AsyncIterable<string>): AsyncGenerator<StreamChunk, void> {
  let stream: number | undefined;
  let head = true;
  for await (const line of lines) {
    const value = parsed(line);
    if (head) {
      head = false;
      stream = streamIn(property(value, "0"));
      continue;
    }
    const [id, status, content] = value as [number, number, unknown];
    if (id !== stream) {
      if (status !== PROMISE_FULFILLED) throw errorFromShape(content);
      stream ??= streamIn(content);
      continue;
    }
    if (status === ITEM_RETURN) return;
    if (status !== ITEM_YIELD) throw errorFromShape(content);
    yield dataOf(content) as StreamChunk;
  }
  throw broken();
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw broken(cause);
  }
}

/** The id of the stream that a value announces, if it does; throws the error that it may hold. */
function streamIn(value: unknown): number | undefined {
  const error = property(dataOf(value), "error");
  if (error !== undefined) throw errorFromShape(error);
  if (!Array.isArray(value)) return undefined;
  for (const announced of value.slice(1)) {
    const id = property(announced, "2");
    if (property(announced, "1") === ASYNC_ITERABLE && typeof id === "number") return id;
  }
  return undefined;
}

function dataOf(value: unknown): unknown {
  return property(property(value, "0"), "0");
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

/** Lines without their ends; empty ones, by which the server keeps the connection alive, left out. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  // Pieces of the line that is not yet whole: joined once, however many there are.
  let pieces: string[] = [];
  while (true) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw broken(cause);
    });
    const [first = "", ...others] = decoder.decode(value, { stream: !done }).split("\n");
    pieces.push(first);
    for (const next of others) {
      const line = pieces.join("").trim();
      pieces = [next];
      if (line !== "") yield line;
    }
    if (done) return;
  }
}

async function refusal(response: Response): Promise<FluxbaseError> {
  const body: unknown = await response.json();
  const answer = Array.isArray(body) ? body[0] : body;
  return errorFromShape(property(answer, "error"));
}

function broken(cause?: unknown): FluxbaseError {
  return new FluxbaseError({
    code: "NETWORK",
    message: "The stream broke off before its end",
    retryable: true,
  }, cause === undefined ? undefined : { cause });
}
