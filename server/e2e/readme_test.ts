import assert from "node:assert/strict";
import { startServerProcess, temporaryFolder } from "../testing/server_process.ts";

const ROOT = new URL("../../", import.meta.url);

interface Block {
  readonly language: string;
  readonly text: string;
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*).*\n([\s\S]*?)^```$/gm)].map((
    [, language = "", text = ""],
  ) => ({
    language,
    text,
  }));
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The commands that a block gives to `deno`, each with the task that it names. */
function checkTasks(text: string, tasks: Readonly<Record<string, unknown>>): void {
  for (const line of text.trim().split("\n")) {
    const [, version, task = ""] = /^(?:npx -y deno@(\S+) |deno )task (\S+)/.exec(line) ?? [];
    assert.ok(task in tasks, `No task does what the README says: ${line}`);
    if (version !== undefined) assert.equal(version, Deno.version.deno, line);
  }
}

Deno.test("every code block of the README does what the text says", async (t) => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  await using folder = await temporaryFolder();
  const dataFolder = folder.path;
  await using server = await startServerProcess({ dataFolder });
  const here = (text: string) =>
    text.replaceAll("http://127.0.0.1:8000", server.url).replaceAll(".fluxbase/", `${dataFolder}/`);

  let printed = "";
  for (const { language, text } of blocksOf(readme)) {
    await t.step(`${language}: ${text.split("\n")[0]}`, async () => {
      if (/^(npx|deno) /.test(text)) return checkTasks(text, tasks);
      if (language === "sh") {
        const run = await new Deno.Command("bash", { args: ["-euc", here(text)] }).output();
        assert.ok(run.success, decode(run.stderr));
        printed = decode(run.stdout);
      } else if (language === "json") {
        assert.deepEqual(JSON.parse(printed), JSON.parse(text));
      } else if (language === "ts") {
        const file = await Deno.makeTempFile({ suffix: ".ts" });
        const client = new URL("client/mod.ts", ROOT).href;
        await Deno.writeTextFile(file, here(text).replaceAll('"@fluxbase/client"', `"${client}"`));
        const config = new URL("deno.json", ROOT).pathname;
        const run = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--check", "--config", config, file],
          env: { NO_COLOR: "1" },
        }).output();
        assert.ok(run.success, decode(run.stderr));
        printed = decode(run.stdout);
      } else if (language === "text") {
        assert.equal(printed.trim(), text.trim());
      } else assert.fail(`No test knows what to do with a block of "${language}"`);
    });
  }
});
