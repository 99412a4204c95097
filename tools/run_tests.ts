/**
 * `deno task test`: starts the services that the suites need, once, runs `deno test` over all
 * members, stops everything and prints the counts. Arguments are handed on to `deno test`, except
 * `--no-install`, which keeps missing programs from being installed.
 *
 * @module
 */
import { chromium } from "./services/chromium.ts";
import { postgres } from "./services/postgres.ts";
import type { MissingService, RunningService, Service } from "./services/service.ts";
import { addCounts, type Counts, readCounts } from "./test_counts.ts";

const SERVICES: readonly Service[] = [postgres, chromium];

/** Suites that run the server as a process. */
const WHOLE_SERVERS = ["server/e2e", "playground/e2e"];

/**
 * Ends the tests when this process is killed: the shell's input is a pipe that closes with it.
 * What the tests started gets the signal too, being in the shell's own group, and so does what a
 * test left running at the end.
 */
const WATCHDOG = `
exec 3<&0 </dev/null
"$@" 3<&- &
tests=$!
{
  trap '' TERM
  while read -r _ <&3; do :; done
  kill -TERM -$$; sleep 5; kill -KILL -$$
} >/dev/null 2>&1 &
watcher=$!
exec 3<&-
trap : TERM
while :; do
  wait $tests; code=$?
  kill -0 $tests 2>/dev/null || break
done
kill -KILL $watcher 2>/dev/null
trap '' TERM
kill -TERM -$$
exit $code
`;

function say(line: string): void {
  // deno-lint-ignore no-console -- this is a command line
  console.log(line);
}

async function main(args: readonly string[]): Promise<number> {
  const strict = Deno.env.get("CI") === "true";
  const install = !args.includes("--no-install");
  const running: RunningService[] = [];
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopped.abort());
  }
  try {
    const missing: string[] = [];
    for (const service of SERVICES) {
      const result = await service.start({ install, say });
      if (isMissing(result)) missing.push(`${service.name}: ${result.missing}`);
      else running.push(result);
    }
    for (const lack of missing) say(`SKIPPING suites: ${lack}`);
    const environment = Object.assign({}, ...running.map((service) => service.environment));
    const { code, counts } = await runAll(args, environment, stopped.signal);
    const lacks = strict ? missing.length : 0;
    for (const lack of lacks > 0 ? missing : []) say(`FAILED under CI=true: ${lack}`);
    const total = addCounts(counts, { passed: 0, failed: lacks, skipped: 0 });
    say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
    return code !== 0 ? code : total.failed > 0 ? 1 : 0;
  } finally {
    await Promise.allSettled(running.map((service) => service.stop()));
  }
}

function isMissing(result: RunningService | MissingService): result is MissingService {
  return "missing" in result;
}

/**
 * Runs the suites side by side, then one after the other those that flood, crash and drive whole
 * servers: beside them every other suite's deadlines would measure the flood. Suites that are named
 * run in one go.
 */
async function runAll(
  args: readonly string[],
  environment: Record<string, string>,
  signal: AbortSignal,
): Promise<{ code: number; counts: Counts }> {
  if (args.some((arg) => !arg.startsWith("-"))) {
    return await runTests(["--parallel", ...args], environment, signal);
  }
  const apart = [`--ignore=${WHOLE_SERVERS.join()}`, ...args];
  const first = await runTests(["--parallel", ...apart], environment, signal);
  if (signal.aborted) return first;
  const second = await runTests([...args, ...WHOLE_SERVERS], environment, signal);
  return { code: first.code || second.code, counts: addCounts(first.counts, second.counts) };
}

/** Runs `deno test`, showing its output and reading the counts from it. */
async function runTests(
  args: readonly string[],
  environment: Record<string, string>,
  signal: AbortSignal,
): Promise<{ code: number; counts: Counts }> {
  const handedOn = args.filter((arg) => arg !== "--no-install");
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", WATCHDOG, "sh", Deno.execPath(), "test", "-A", ...handedOn],
    env: environment,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    detached: true,
  }).spawn();
  const end = () => void child.stdin.close().catch(() => {});
  if (signal.aborted) end();
  signal.addEventListener("abort", end);
  let tail = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    await writeAll(bytes);
    tail = (tail + decoder.decode(bytes, { stream: true })).slice(-20_000);
  }
  const { code } = await child.status;
  end();
  return { code: signal.aborted ? 130 : code, counts: readCounts(tail, code) };
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
