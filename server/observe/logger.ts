/**
 * The server's log: one line a record on standard error, as JSON or for people, with secrets taken
 * out of the finished line. Every room logs by `logger(room)`.
 *
 * @module
 */
import {
  configureSync,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
  type LogRecord,
  resetSync,
} from "@logtape/logtape";
import { redact } from "./redact.ts";

/** How much is logged and how. */
export interface LoggingOptions {
  readonly level: "debug" | "info" | "warning" | "error";
  readonly format: "pretty" | "json";
  /** Takes a finished line; standard error by default. */
  readonly write?: (line: string) => void;
}

/** Starts logging; a second call replaces the first one's options. */
export function startLogging({ level, format, write = toStandardError }: LoggingOptions): void {
  const formatter = format === "json" ? getJsonLinesFormatter() : getAnsiColorFormatter();
  const finished = format === "json" ? withPlainErrors : withStacks;
  configureSync({
    reset: true,
    sinks: {
      lines: (record: LogRecord) => write(redact(formatter(finished(record)))),
    },
    loggers: [
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
      { category: ["fluxbase"], lowestLevel: level, sinks: ["lines"] },
    ],
  });
}

/** Ends logging; later records go nowhere. */
export function stopLogging(): void {
  resetSync();
}

/** The log of one room of the server, as `api` or `projects`. */
export function logger(room: string): Logger {
  return getLogger(["fluxbase", room]);
}

/** Errors have no enumerable fields, so JSON would show them as `{}`. */
function withPlainErrors(record: LogRecord): LogRecord {
  const properties = Object.fromEntries(
    Object.entries(record.properties).map(([name, value]) => [
      name,
      value instanceof Error ? stackOf(value) : value,
    ]),
  );
  return { ...record, message: [rendered(record)], properties };
}

/** People read the message alone, so the stacks follow it. */
function withStacks(record: LogRecord): LogRecord {
  const stacks = Object.values(record.properties).filter((value) => value instanceof Error);
  const message = [rendered(record), ...stacks.map(stackOf)].join("\n");
  return { ...record, message: [message] };
}

/** The message with its values in place, on one line: a value cannot begin a line of its own. */
function rendered({ message }: LogRecord): string {
  return message.map((part) => {
    const text = typeof part === "string"
      ? part
      : part instanceof Error
      ? part.message
      : Deno.inspect(part, { breakLength: Infinity });
    return text.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  }).join("");
}

function stackOf(error: Error): string {
  const stack = error.stack ?? String(error);
  if (error.cause === undefined) return stack;
  const cause = error.cause instanceof Error ? stackOf(error.cause) : Deno.inspect(error.cause);
  return `${stack}\ncaused by ${cause}`;
}

const encoder = new TextEncoder();

function toStandardError(line: string): void {
  Deno.stderr.writeSync(encoder.encode(line.endsWith("\n") ? line : `${line}\n`));
}
