/** A command that was not written as it must be, or cannot be done; the message is one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Where a command's answer goes. */
export type Print = (text: string) => void;

/** Rows as text in columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? "").length)));
  return lines
    .map((line) => line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd())
    .join("\n");
}
