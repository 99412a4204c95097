// deno-lint-ignore-file no-console -- this is a command line
/**
 * Judges what svelte-check found in the playground (on its standard input). The client's types lead
 * svelte-check into the server's files, which it reads as if they ran in a browser; what it says of
 * those is left out, they are `deno check`'s to judge.
 *
 *     svelte-check --workspace playground --output machine | deno run tools/check_playground.ts
 *
 * @module
 */

const output = await new Response(Deno.stdin.readable).text();
const lines = output.trim().split("\n");
const findings = lines.filter((line) => /^\d+ (ERROR|WARNING) "(?!\.\.\/server\/)/.test(line));
for (const finding of findings) console.error(finding.replace(/^\d+ /, ""));
// Without its closing line it did not get through, and no finding means nothing.
const finished = lines.some((line) => /^\d+ COMPLETED /.test(line));
if (!finished) console.error(lines.join("\n"));
Deno.exit(finished && findings.length === 0 ? 0 : 1);
