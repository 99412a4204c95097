/**
 * The thread in which statements are parsed and judged. It is sent the names of the functions that
 * nobody may call and the parser's path, answers `{ ready: true }`, and from then on an outcome for each text, in the
 * order in which they came.
 *
 * @module
 */
import { Judge } from "./validate/judge.ts";
import { loadParser } from "./validate/libpg_query.ts";
import type { FromWorker, ToWorker } from "./validate/lane.ts";

// Deno loses messages that come before a module's top-level await ends: there is none.
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
};

let judge: Judge | undefined;
let turn: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  turn = turn.then(() => take(data));
};
// The sender starts with the first message that it gets.
scope.postMessage({ started: true });

async function take(message: ToWorker): Promise<void> {
  if (typeof message !== "string") {
    judge = new Judge(loadParser(message.parser), new Set(message.forbiddenFunctions));
    await judge.prepare();
    scope.postMessage({ ready: true });
    return;
  }
  if (judge === undefined) throw new Error("The parser's thread was sent a statement too early");
  const outcome = judge.judge(message);
  scope.postMessage({ outcome });
  // After the answer: a new instance takes a moment.
  await judge.prepare();
}
