/**
 * The hot calls of tRPC's wire, without tRPC's adapter, which costs more CPU than the statement
 * itself (about 100 us a call). What it sends is byte for byte what the adapter would have sent; a
 * test holds the two together. Everything else goes through the adapter.
 *
 * @module
 */
import type { JsonValue } from "../databases/database.ts";
import { asFluxbaseError, FluxbaseError } from "../errors.ts";
import { parseJson } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import * as operations from "./operations.ts";
import { inputs } from "./schemas.ts";
import { badInput, errorShape } from "./trpc.ts";
import type { ApiErrorShape } from "./types.ts";

type Procedure = (exchange: Exchange, input: unknown) => Promise<unknown>;

/** The procedures that the lane knows, all of them mutations. */
const PROCEDURES: ReadonlyMap<string, Procedure> = new Map<string, Procedure>([
  ["sql.execute", (exchange, input) => {
    const parsed = inputs.execute.safeParse(input);
    if (!parsed.success) throw badInput(parsed.error);
    return operations.execute(exchange, parsed.data);
  }],
  ["sql.batch", (exchange, input) => {
    const parsed = inputs.batch.safeParse(input);
    if (!parsed.success) throw badInput(parsed.error);
    return operations.batch(exchange, parsed.data);
  }],
]);

/** Calls that one request may carry. */
export const MAX_BATCH = 100;

/** What the lane will answer. */
export interface LaneCalls {
  readonly paths: readonly string[];
  readonly batch: boolean;
}

/** The calls of a POST to `/trpc/<target>` where the lane can answer all of them. */
export function laneCalls(target: string, headers: Headers): LaneCalls | undefined {
  if (headers.has("trpc-accept")) return undefined;
  if (headers.get("accept")?.includes("jsonl") === true) return undefined;
  if (PROCEDURES.has(target)) return { paths: [target], batch: false };
  if (!target.endsWith("?batch=1")) return undefined;
  const paths = target.slice(0, -"?batch=1".length).split(",");
  if (paths.length > MAX_BATCH || !paths.every((path) => PROCEDURES.has(path))) return undefined;
  return { paths, batch: true };
}

type Answer =
  | { readonly result: { readonly data: unknown } }
  | { readonly error: ApiErrorShape };

/** Answers the calls. */
export async function answerLane(
  exchange: Exchange,
  { paths, batch }: LaneCalls,
  text: string,
): Promise<Response> {
  const [only = ""] = paths;
  if (!batch) {
    const answer = await answerOne(exchange, only, () => inputOf(text));
    return respond(exchange, "error" in answer ? answer.error.data.httpStatus : 200, answer);
  }
  const readInput = batchInputs(text);
  const answers = await Promise.all(
    paths.map((path, index) => answerOne(exchange, path, () => readInput(index))),
  );
  const statuses = new Set(
    answers.map((answer) => "error" in answer ? answer.error.data.httpStatus : 200),
  );
  const [status = 200] = statuses;
  return respond(exchange, statuses.size === 1 ? status : 207, answers);
}

async function answerOne(
  exchange: Exchange,
  path: string,
  readInput: () => unknown,
): Promise<Answer> {
  try {
    const data = await PROCEDURES.get(path)?.(exchange, readInput());
    return { result: { data } };
  } catch (thrown) {
    const error = asFluxbaseError(thrown);
    exchange.report(error);
    return { error: errorShape(error, exchange.requestId, path) };
  }
}

function inputOf(text: string): JsonValue | undefined {
  return text === "" ? undefined : parseJson(text);
}

/** A batch's inputs stand in one object under their indexes; a fault in it is a fault of each. */
function batchInputs(text: string): (index: number) => unknown {
  let whole: JsonValue | undefined;
  let fault: unknown;
  try {
    whole = inputOf(text);
    if (
      whole !== undefined && (typeof whole !== "object" || whole === null || Array.isArray(whole))
    ) {
      // tRPC's own words.
      fault = new FluxbaseError(
        "BAD_REQUEST",
        '"input" needs to be an object when doing a batch call',
      );
    }
  } catch (thrown) {
    fault = thrown;
  }
  return (index) => {
    if (fault !== undefined) throw fault;
    return (whole as Record<string, JsonValue> | undefined)?.[index];
  };
}

function respond(exchange: Exchange, status: number, body: unknown): Response {
  return exchange.json(status, JSON.stringify(body), "trpc-accept, accept");
}
