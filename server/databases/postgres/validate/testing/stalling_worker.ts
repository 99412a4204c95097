/**
 * The parser's worker with two more words: `stall` never ends, `break` ends the thread. No text
 * that passes the guard does either any more, so that the lane's deadline needs them to be tested.
 *
 * @module
 */
import "../../validate_worker.ts";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
};
const inner = scope.onmessage;

scope.onmessage = (event) => {
  if (event.data === "stall") { for (;;); }
  if (event.data === "break") throw new Error("Broken on purpose");
  inner?.(event);
};
