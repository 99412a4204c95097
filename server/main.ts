/**
 * The command line.
 *
 * @module
 */
import { administer, isAdministration } from "./command_line/administer.ts";
import { HELP } from "./command_line/help.ts";
import { runServer } from "./command_line/start.ts";
import { writeTypes } from "./command_line/types.ts";
import { UsageError } from "./command_line/usage.ts";
import { type Config, ConfigError, loadConfig } from "./config.ts";
import { EmbeddedError } from "./databases/embedded/error.ts";
import { FluxbaseError } from "./errors.ts";

function print(text: string): void {
  // deno-lint-ignore no-console -- the command line speaks here and nowhere else
  console.log(text);
}

async function run(words: readonly string[]): Promise<void> {
  const [command = "", ...rest] = words;
  if (words.includes("--help") || words.includes("-h") || command === "help") return print(HELP);
  const config = (): Config => loadConfig((name) => Deno.env.get(name));
  if (command === "start") {
    if (rest.length > 0) {
      throw new UsageError(`"start" takes no "${rest[0]}": the environment decides; see --help`);
    }
    return await runServer(config(), print);
  }
  if (command === "types") return await writeTypes(rest, config(), print);
  if (isAdministration(words)) return await administer(words, config(), print);
  throw new UsageError(
    command === ""
      ? "What shall be done? See --help"
      : `No command is "${words.join(" ")}"; see --help`,
  );
}

/** One line for what the operator can mend; a defect also shows where it happened. */
function complaint(thrown: unknown): string {
  const expected = [UsageError, ConfigError, EmbeddedError, FluxbaseError];
  if (!(thrown instanceof Error)) return String(thrown);
  const [line = ""] = thrown.message.split("\n");
  const code = "code" in thrown ? String(thrown.code) : "";
  if (expected.some((kind) => thrown instanceof kind) || code.startsWith("ERR_PARSE_ARGS")) {
    return line;
  }
  return `${line}\n${thrown.stack ?? ""}`;
}

if (import.meta.main) {
  try {
    await run(Deno.args);
    Deno.exit(0);
  } catch (thrown) {
    // deno-lint-ignore no-console -- see above
    console.error(`fluxbase: ${complaint(thrown)}`);
    Deno.exit(1);
  }
}
