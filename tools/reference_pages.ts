/**
 * Writes the reference pages that come out of registries: `server/ERROR_CODES.md` and
 * `server/SETTINGS.md`.
 *
 *     deno run -A tools/reference_pages.ts
 *
 * @module
 */
import { ERROR_CODES } from "../server/errors.ts";
import { SETTING_NAMES, SETTINGS } from "../server/projects/settings.ts";

/** A page and where it lies. */
export interface ReferencePage {
  readonly url: URL;
  readonly text: string;
}

/** All pages, as the registries stand. */
export function referencePages(): readonly ReferencePage[] {
  return [
    { url: new URL("../server/ERROR_CODES.md", import.meta.url), text: errorCodes() },
    { url: new URL("../server/SETTINGS.md", import.meta.url), text: settings() },
  ];
}

function errorCodes(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { status, trpc, retryable, meaning }]) => [
    `\`${code}\``,
    String(status),
    `\`${trpc}\``,
    retryable ? "yes" : "no",
    meaning,
  ]);
  return `# Error codes

Generated from \`server/errors.ts\` by \`deno run -A tools/reference_pages.ts\`; do not edit.

Every failure has the same shape: in REST \`{"success": false, "error": {…}}\`, in tRPC the same
object in \`error.data.error\`. Fields: \`code\`, \`message\`, \`retryable\`, \`requestId\`, and where
the database gave them \`sqlstate\`, \`detail\`, \`hint\`, \`position\` (1-based, in characters of the
text as it was sent), \`constraint\`, \`table\`, \`column\`. "Retry" says whether the same request may
succeed when it is sent again.

${table(["code", "HTTP", "tRPC", "retry", "meaning"], rows)}
`;
}

function settings(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { default: initial, bounds, meaning } = SETTINGS[name];
    return [`\`${name}\``, `\`${JSON.stringify(initial)}\``, bounds, meaning];
  });
  return `# Settings of a project

Generated from \`server/projects/settings.ts\` by \`deno run -A tools/reference_pages.ts\`; do not edit.

\`PATCH /api/projects/:id {"settings": {…}}\` changes what it names, all or nothing; \`null\` puts a
setting back to its default.

${table(["setting", "default", "takes", "meaning"], rows)}
`;
}

/** A Markdown table with its columns in line, as the formatter writes it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

if (import.meta.main) {
  for (const { url, text } of referencePages()) await Deno.writeTextFile(url, text);
}
