/**
 * Writes `server/ERROR_CODES.md` from the registry of codes.
 *
 *     deno run -A tools/error_codes.ts
 *
 * @module
 */
import { ERROR_CODES } from "../server/errors.ts";

/** Where the page lies. */
export const ERROR_CODES_PAGE = new URL("../server/ERROR_CODES.md", import.meta.url);

/** The page's text. */
export function errorCodesMarkdown(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { status, trpc, retryable, meaning }]) => [
    `\`${code}\``,
    String(status),
    `\`${trpc}\``,
    retryable ? "yes" : "no",
    meaning,
  ]);
  return `# Error codes

Generated from \`server/errors.ts\` by \`deno run -A tools/error_codes.ts\`; do not edit.

Every failure has the same shape: in REST \`{"success": false, "error": {…}}\`, in tRPC the same
object in \`error.data.error\`. Fields: \`code\`, \`message\`, \`retryable\`, \`requestId\`, and where
the database gave them \`sqlstate\`, \`detail\`, \`hint\`, \`position\` (1-based, in characters of the
text as it was sent), \`constraint\`, \`table\`, \`column\`. "Retry" says whether the same request may
succeed when it is sent again.

${table(["code", "HTTP", "tRPC", "retry", "meaning"], rows)}
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

if (import.meta.main) await Deno.writeTextFile(ERROR_CODES_PAGE, errorCodesMarkdown());
