import assert from "node:assert/strict";
import { join } from "node:path";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { startServerProcess, temporaryFolder } from "../../server/testing/server_process.ts";

const executablePath = Deno.env.get("FLUXBASE_TEST_CHROMIUM");
const SHOTS = Deno.env.get("FLUXBASE_TEST_SCREENSHOTS");

const launch = (): Promise<Browser> =>
  chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
  });

/** Puts `text` in place of what the editor holds. */
async function type(page: Page, text: string): Promise<void> {
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
}

async function shot(page: Page, name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** No rule of axe is broken on the page as it stands. */
async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    // deno-lint-ignore no-explicit-any -- axe has put itself on the page as a global
    const result = await (globalThis as any).axe.run();
    return result.violations.map((rule: { id: string; nodes: { html: string }[] }) =>
      `${rule.id}: ${rule.nodes.map((node) => node.html).join(" ")}`
    );
  });
  assert.deepEqual(violations, []);
}

Deno.test({
  name: executablePath === undefined
    ? "the playground in a browser (skipped: no Chromium)"
    : "the playground in a browser",
  ignore: executablePath === undefined,
  async fn(t) {
    await using folder = await temporaryFolder();
    const dataFolder = folder.path;
    await using server = await startServerProcess({ dataFolder });
    const browser = await launch();
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      const address = /https?:\/\/\S+#code=\S+/.exec(server.output())?.[0];
      assert.ok(address !== undefined, "The server printed no address with a sign-in code");

      await t.step("signs in by the printed address and takes the code out of it", async () => {
        await page.goto(address);
        await page.locator(".cm-content").waitFor();
        assert.equal(page.url(), `${server.url}/`);
        await shot(page, "signed-in");
      });

      await t.step("the code works once", async () => {
        const other = await (await browser.newContext()).newPage();
        await other.goto(address);
        await other.getByRole("alert").waitFor();
        assert.equal(await other.locator(".cm-content").count(), 0);
        await other.context().close();
      });

      await t.step("runs a statement by Ctrl-Enter and shows its rows exactly", async () => {
        await type(page, "SELECT 9223372036854775807::int8 AS big, NULL AS nothing, 'a' AS letter");
        await page.keyboard.press("Control+Enter");
        await page.getByRole("status").filter({ hasText: "1 row" }).waitFor();
        const cells = await page.getByRole("region", { name: "Results" }).locator("tbody td")
          .allInnerTexts();
        assert.deepEqual(cells.map((cell) => cell.trim()), [
          "1",
          "9223372036854775807",
          "NULL",
          "a",
        ]);
      });

      await t.step("reads the demo data", async () => {
        const first = page.getByRole("navigation", { name: "Tables" }).locator("li button").first();
        const name = (await first.locator("span").innerText()).trim();
        await type(page, `SELECT * FROM "${name}"`);
        await page.getByRole("button", { name: "Run" }).click();
        await page.getByRole("region", { name: "Results" }).locator("tbody tr").nth(2).waitFor();
        await shot(page, "select");
        await assertAccessible(page);
      });

      await t.step("marks an error at its place, behind characters of four bytes", async () => {
        await type(page, "SELECT '🦊🦊' AS fox, nowhere FROM generate_series(1, 2)");
        await page.keyboard.press("Control+Enter");
        await page.getByRole("alert").waitFor();
        const marked = await page.locator(".cm-lintRange-error").innerText();
        assert.equal(marked, "nowhere");
        await shot(page, "error");
      });

      await t.step("runs only the statement under the cursor", async () => {
        await type(page, "SELECT 'first' AS it;\nSELECT 'second' AS it;\n");
        await page.keyboard.press("Control+Home");
        await page.keyboard.press("Control+Enter");
        const cell = page.getByRole("region", { name: "Results" }).locator("tbody td").nth(1);
        await cell.filter({ hasText: "first" }).waitFor();
      });

      await t.step(
        "shows ten thousand rows with few of them in the page, and says that there are more",
        async () => {
          await type(page, "SELECT n, 'row ' || n AS name FROM generate_series(1, 100000) n");
          await page.keyboard.press("Control+Enter");
          await page.getByRole("status").filter({ hasText: "the first 10000 are shown" }).waitFor();
          const grid = page.getByRole("region", { name: "Results" });
          assert.ok(await grid.locator("tbody tr").count() < 100);
          await grid.evaluate((element) => element.scrollTop = element.scrollHeight);
          await grid.locator("td", { hasText: /^row \d+$/ }).last().waitFor();
        },
      );

      await t.step("stops a statement", async () => {
        await type(
          page,
          "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100) b",
        );
        await page.keyboard.press("Control+Enter");
        await page.getByRole("button", { name: "Cancel" }).click();
        await page.getByRole("status").filter({ hasText: "Canceled" }).waitFor();
      });

      await t.step("lists the tables, their columns and first rows", async () => {
        const first = page.getByRole("navigation", { name: "Tables" }).locator("li button").first();
        await first.click();
        await page.getByRole("region", { name: "Results" }).locator("tbody tr").first().waitFor();
        assert.ok(await page.locator("details tbody tr").count() > 1);
        await shot(page, "table");
        await assertAccessible(page);
      });

      await t.step("keeps the session over a reload and forgets it on signing out", async () => {
        await page.reload();
        await page.locator(".cm-content").waitFor();
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByLabel("API key").waitFor();
        await assertAccessible(page);
        await page.reload();
        await page.getByLabel("API key").waitFor();
      });

      await t.step("nothing went against the content security policy", () => {
        const expected = /Failed to load resource/;
        assert.deepEqual(complaints.filter((text) => !expected.test(text)), []);
      });
    } finally {
      await browser.close();
    }
  },
});
