/**
 * How many tests passed, from the summary that `deno test` prints at its end.
 *
 * @module
 */

/** Tests by their outcome. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** `ok | 18 passed (3 steps) | 0 failed | 2 ignored (1 step) | 4 filtered out (13ms)` */
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/;

/**
 * Reads the last summary in the output. Without one the run broke off (a type error, a crash):
 * that counts as one failure, unless there was simply nothing to run.
 */
export function readCounts(output: string, code: number): Counts {
  // deno-lint-ignore no-control-regex -- the escape sequences of a terminal's colours
  const plain = output.replaceAll(/\u001b\[[0-9;]*m/g, "");
  for (const line of plain.split("\n").reverse()) {
    const found = SUMMARY.exec(line.trim());
    if (found) {
      const [, passed, failed, skipped] = found.map(Number);
      const counts = { passed: passed ?? 0, failed: failed ?? 0, skipped: skipped || 0 };
      return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
    }
  }
  return { passed: 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

/** The sum of two counts. */
export function addCounts(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}
