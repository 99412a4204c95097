/**
 * Tries what the parser's worker should not be able to do, and tells what it could.
 *
 * @module
 */

const tries: Record<string, () => unknown> = {
  "own code": () => Deno.readTextFileSync(new URL(import.meta.url)),
  "other code": () => Deno.readTextFileSync(new URL("../../guard.ts", import.meta.url)),
  "the system's files": () => Deno.readTextFileSync("/etc/passwd"),
  "the environment": () => Deno.env.get("HOME"),
  "the network": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  "writing": () => Deno.writeTextFileSync(new URL("./x", import.meta.url), ""),
  "other programs": () => new Deno.Command(Deno.execPath()).outputSync(),
  "the system": () => Deno.hostname(),
};

const could = Object.entries(tries).filter(([, go]) => {
  try {
    go();
    return true;
  } catch {
    return false;
  }
});

const scope = self as unknown as { postMessage(message: readonly string[]): void };
scope.postMessage(could.map(([name]) => name));
