import { deepStrictEqual } from "node:assert/strict";
import { readCounts } from "./test_counts.ts";

Deno.test("the summary's counts are read through colours and steps", () => {
  deepStrictEqual(
    readCounts(
      "noise | 1 passed\n\u001b[0m\u001b[32mok\u001b[0m | 18 passed (3 steps) | 0 failed | " +
        "2 ignored (1 step) | 4 filtered out \u001b[38;5;245m(13ms)\u001b[0m\n\n",
      0,
    ),
    { passed: 18, failed: 0, skipped: 2 },
  );
  deepStrictEqual(readCounts("FAILED | 1 passed | 2 failed (13ms)\n\nerror: Test failed\n", 1), {
    passed: 1,
    failed: 2,
    skipped: 0,
  });
});

Deno.test("a run that broke off counts as a failure", () => {
  deepStrictEqual(readCounts("error: Type checking failed\n", 1), {
    passed: 0,
    failed: 1,
    skipped: 0,
  });
  deepStrictEqual(readCounts("ok | 3 passed | 0 failed (13ms)\n", 1), {
    passed: 3,
    failed: 1,
    skipped: 0,
  });
});
