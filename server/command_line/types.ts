/**
 * `types`: TypeScript types of a project's tables, written to a file or printed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Config } from "../config.ts";
import type { DatabaseSchema } from "../databases/database.ts";
import { typescriptOf } from "../databases/typescript.ts";
import { Remote } from "./remote.ts";
import { type Print, UsageError } from "./usage.ts";

/** The administrator's key reads no project, so a key is made for this one question. */
const KEY_SECONDS = 60;

/** Runs the command; the words are those after `types`. */
export async function writeTypes(
  words: readonly string[],
  config: Config,
  print: Print,
): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      url: { type: "string" },
      project: { type: "string" },
      out: { type: "string" },
      check: { type: "boolean" },
    },
  });
  const { project, out, check = false } = values;
  if (project === undefined) {
    throw new UsageError("Types of which project? Name it by --project");
  }
  if (check && out === undefined) {
    throw new UsageError("--check compares with a file: name it by --out");
  }
  const text = typescriptOf(await describe(await Remote.of(config, values.url), project));
  if (out === undefined) return print(text.trimEnd());
  if (!check) {
    await Deno.writeTextFile(out, text);
    return print(`Wrote "${out}"`);
  }
  const found = await Deno.readTextFile(out).catch(() => undefined);
  if (found !== text) {
    throw new UsageError(
      `"${out}" is not up to date with project "${project}": run the same without --check`,
    );
  }
  print(`"${out}" is up to date`);
}

async function describe(remote: Remote, project: string): Promise<DatabaseSchema> {
  const path = `/projects/${encodeURIComponent(project)}/keys`;
  const made = await remote.call("POST", path, {
    scopes: ["sql:ddl"],
    name: "types",
    expiresAt: new Date(Date.now() + KEY_SECONDS * 1000).toISOString(),
  });
  try {
    return await remote.query("sql.describe", String(made["key"])) as DatabaseSchema;
  } finally {
    await remote.call("DELETE", `${path}/${made["id"]}`).catch(() => {});
  }
}
