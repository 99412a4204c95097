/**
 * PostgreSQL's own messages, handed on to the server's log. What its client sessions say is the
 * tenants' business and goes no further than `debug`.
 *
 * @module
 */

/** Where messages go; levels as in `LOG_LEVEL`. */
export type Log = (level: "debug" | "info" | "warning" | "error", message: string) => void;

/** `[backend type] SEVERITY:  text`, by the `log_line_prefix` of the settings. */
const LINE = /^(?:\[([^\]]*)\] )?([A-Z]+\d?): {2}(.*)$/;

/** Reads messages until the stream ends; resolves with the last fatal one. */
export async function forwardLog(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  log: Log,
): Promise<string | undefined> {
  let fatal: string | undefined;
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) fatal = forward(line, log) ?? fatal;
  }
  if (rest !== "") fatal = forward(rest, log) ?? fatal;
  return fatal;
}

/** Logs one line; answers its text where it is fatal, or no message of PostgreSQL's at all. */
function forward(line: string, log: Log): string | undefined {
  if (line.trim() === "") return undefined;
  const [, backend = "postmaster", severity = "", text = ""] = LINE.exec(line) ?? [];
  if (severity === "") {
    log("warning", `PostgreSQL: ${line}`);
    return line;
  }
  const fatal = severity === "FATAL" || severity === "PANIC";
  if (backend === "client backend" || backend === "walsender") {
    log("debug", `PostgreSQL (${backend}): ${severity} ${text}`);
    return undefined;
  }
  const level = fatal ? "error" : severity === "WARNING" ? "warning" : "debug";
  log(level, `PostgreSQL (${backend}): ${text}`);
  return fatal ? text : undefined;
}
