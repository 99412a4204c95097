/**
 * The guard between the driver and the server: a socket, as the driver sees it, that reads the
 * frame headers of both directions as they pass. It keeps the session's state (idle, in a
 * transaction, failed), drops rows past the limits before anything buffers them, and puts the
 * session back into its first state after each request without the driver knowing.
 *
 * @see https://www.postgresql.org/docs/18/protocol-message-formats.html
 * @module
 */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { BackendKey } from "./dial.ts";
import { RowGate } from "./row_gate.ts";

/** Frame types; what the server sends first, then what the driver sends. */
const DATA_ROW = 0x44;
const READY_FOR_QUERY = 0x5a;
const PARAMETER_STATUS = 0x53;
const BACKEND_KEY_DATA = 0x4b;
const ERROR_RESPONSE = 0x45;
const NOTICE_RESPONSE = 0x4e;
const NOTIFICATION_RESPONSE = 0x41;
const COPY_IN_RESPONSE = 0x47;
const COPY_OUT_RESPONSE = 0x48;
const COPY_BOTH_RESPONSE = 0x57;
const SYNC = 0x53;
const QUERY = 0x51;
const IDLE = 0x49;

/**
 * Fields of an error. The routine is hidden from the driver: by it postgres.js knows a plan that is
 * out of date, and sends the statement once more. With others in flight it sends two such
 * statements behind one Sync, of which the server skips the second and the driver waits for ever.
 */
const FIELD = { severity: 0x56, code: 0x43, routine: 0x52, unknown: 0x7a } as const;

const HEADER_BYTES = 5;
/** No control frame of an honest server is larger, save the report of an error with a huge text. */
const MAX_CONTROL_FRAME_BYTES = 1 << 20;
/**
 * A server that sends a row looks at no cancel before the row is through. Where more than this is
 * still to come of one that nobody wants, closing the connection is cheaper than listening.
 */
const MAX_DRAINED_BYTES = 4 << 20;
/** Beyond this a request is sent in a write of its own rather than copied beside the reset. */
const MAX_COPIED_BYTES = 16 << 10;

const RESET_QUERY = "RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD SEQUENCES; DISCARD TEMP";

/**
 * What puts a session back into the state of its start packet: parameters, cursors held over
 * transactions, LISTEN, `lastval`, temporary tables. Our own named statements stay.
 */
const RESET = queryFrame(RESET_QUERY);
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

function queryFrame(text: string): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + text.length + 1);
  frame[0] = QUERY;
  frame.writeUInt32BE(frame.length - 1, 1);
  frame.write(text, HEADER_BYTES, "latin1");
  return frame;
}

/** The guard closed the connection: the server sent what no request may bring about. */
export class GuardError extends Error {
  override readonly name = "GuardError";
  readonly code: "COPY_REFUSED" | "REPORT_TOO_LARGE" | "ROW_SEVERED";

  constructor(code: GuardError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** Who a ReadyForQuery of the server is an answer to. */
type Owner = "request" | "reset";

/** A socket as postgres.js uses one, guarded. */
export class GuardedSocket extends EventEmitter {
  /** Which rows pass. */
  readonly rows = new RowGate();
  readonly #socket: Socket;
  /** The beginning of a frame whose rest has not come yet. */
  #carry: Buffer | undefined;
  /** Bytes still to come of a row or notice whose beginning was handled, and whether it passes. */
  #pending = 0;
  #pendingPasses = false;
  #started = false;
  #begun = false;
  /** One entry a ReadyForQuery that the server still owes. */
  readonly #owed: Owner[] = [];
  /** Whether the next Sync is to be followed by a reset. */
  #resetArmed = false;
  /** Whether anything was sent since the last reset. */
  #used = false;
  #broken = false;
  #abandoned = false;
  #gone = false;
  #status = IDLE;
  readonly #startParameters = new Map<string, string>();
  readonly #changedParameters = new Set<string>();
  #key: BackendKey | undefined;
  #fatalState: string | undefined;

  /** Called when the server owes no answer any more. */
  onQuiet: (() => void) | undefined;
  /** Called once the connection is closed by both sides: the backend is gone. */
  onGone: (() => void) | undefined;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => this.emit("drain"));
    // The driver takes its listeners off before all is over, and an unheard `error` would throw.
    socket.on("error", (error) => {
      if (this.listenerCount("error") > 0) this.emit("error", error);
    });
    socket.on("close", (hadError) => {
      this.#broken = true;
      this.#gone = true;
      this.emit("close", hadError);
      this.onGone?.();
    });
  }

  /** The backend's process id and cancel key; undefined before the login is through. */
  get key(): BackendKey | undefined {
    return this.#key;
  }

  /** SQLSTATE with which the server ended the connection, where it said one. */
  get fatalState(): string | undefined {
    return this.#fatalState;
  }

  /** Whether the server owes no answer. */
  get quiet(): boolean {
    return this.#owed.length === 0;
  }

  /** Whether the session is in its first state: nothing was sent since a reset that succeeded. */
  get clean(): boolean {
    return this.quiet && !this.#used && !this.broken && this.#changedParameters.size === 0;
  }

  /** The transaction's state after the last answer: `I` idle, `T` in one, `E` in a failed one. */
  get status(): string {
    return String.fromCharCode(this.#status);
  }

  /** Whether the driver was told that the connection is lost while the server keeps it. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** Whether the session must not serve another request. */
  get broken(): boolean {
    return this.#broken || this.#abandoned;
  }

  /** Whether the connection is closed by both sides. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Takes the state after the login for the one that resets lead back to. */
  begin(): void {
    this.#begun = true;
    this.#used = false;
  }

  /** Sends a reset right behind the next Sync: it costs neither a round trip nor a wake-up. */
  armReset(): void {
    this.#resetArmed = true;
  }

  /** Sends a reset now. Only when {@linkcode quiet}. */
  reset(): void {
    if (this.#status !== IDLE) {
      this.#broken = true;
      return;
    }
    this.#owe("reset");
    this.#socket.write(RESET);
  }

  /** Drops all further rows of the request, and reads on when paused. */
  discard(): void {
    this.rows.stop();
    this.#severLongRow();
    this.#socket.resume();
  }

  /** Stops reading, so that the server stops sending. */
  pause(): this {
    this.#socket.pause();
    return this;
  }

  /** Reads on. */
  resume(): this {
    this.#socket.resume();
    return this;
  }

  /** Says goodbye to the server, which closes. The backend is gone with {@linkcode onGone}. */
  terminate(): void {
    if (this.#socket.destroyed) return;
    this.#broken = true;
    this.#socket.resume();
    this.#socket.end(TERMINATE);
  }

  /** Closes without a word; resolves when the connection is gone. */
  async shut(): Promise<void> {
    if (this.#gone) return;
    await new Promise<void>((resolve) => {
      this.onGone = resolve;
      this.destroy();
    });
  }

  /**
   * Tells the driver that the connection is lost, but keeps it until the server closes it: as long
   * as the backend lives it must count, and it may not be replaced.
   */
  abandon(error: Error): void {
    if (this.broken) return;
    this.#abandoned = true;
    this.#socket.resume();
    this.emit("error", error);
    this.emit("close", true);
  }

  // What the driver calls.

  write(chunk: Buffer, callback?: () => void): boolean {
    if (this.#abandoned) return true;
    let endsWithSync = false;
    if (this.#started) endsWithSync = this.#countSyncs(chunk);
    else {
      // The start packet has no type byte, and is answered by the first ReadyForQuery.
      this.#started = true;
      this.#owe("request");
    }
    if (!endsWithSync || !this.#resetArmed) return this.#socket.write(chunk, callback);
    this.#resetArmed = false;
    this.#owe("reset");
    if (chunk.length <= MAX_COPIED_BYTES) {
      return this.#socket.write(Buffer.concat([chunk, RESET]), callback);
    }
    this.#socket.write(chunk);
    return this.#socket.write(RESET, callback);
  }

  end(chunk: Buffer): void {
    this.#broken = true;
    this.#socket.end(chunk);
  }

  destroy(): void {
    this.#broken = true;
    this.#socket.destroy();
  }

  setKeepAlive(enable: boolean, initialDelay: number): void {
    this.#socket.setKeepAlive(enable, initialDelay);
  }

  get readyState(): string {
    return this.#abandoned ? "closed" : this.#socket.readyState;
  }

  #owe(owner: Owner): void {
    this.#owed.push(owner);
    this.#used = owner === "request";
  }

  /** Walks over whole frames (the driver never writes a part of one); says if the last is a Sync. */
  #countSyncs(chunk: Buffer): boolean {
    let type: number | undefined;
    for (let at = 0; at + HEADER_BYTES <= chunk.length; at += 1 + chunk.readUInt32BE(at + 1)) {
      type = chunk[at];
      if (type === SYNC || type === QUERY) this.#owe("request");
    }
    return type === SYNC;
  }

  #receive(incoming: Buffer): void {
    let chunk = incoming;
    if (this.#carry !== undefined) {
      chunk = Buffer.concat([this.#carry, incoming]);
      this.#carry = undefined;
    }
    if (this.#abandoned) return;
    /** Everything from here to `at` goes to the driver. */
    let from = 0;
    let at = 0;
    if (this.#pending > 0) {
      at = Math.min(this.#pending, chunk.length);
      this.#pending -= at;
      if (!this.#pendingPasses) from = at;
    }
    const owedBefore = this.#owed.length;
    while (chunk.length - at >= HEADER_BYTES) {
      const type = chunk[at];
      const end = at + 1 + chunk.readUInt32BE(at + 1);
      let passes = true;
      if (type === DATA_ROW) passes = this.rows.admit(end - at);
      else if (type === NOTICE_RESPONSE || type === NOTIFICATION_RESPONSE) passes = false;
      else if (end > chunk.length) {
        if (end - at > MAX_CONTROL_FRAME_BYTES) {
          const message = `The error's report is larger than ${MAX_CONTROL_FRAME_BYTES} bytes`;
          return this.#refuse(new GuardError("REPORT_TOO_LARGE", message));
        }
        break;
      } else {
        passes = this.#control(type ?? 0, chunk, at, end);
        if (this.#socket.destroyed) return;
      }
      if (!passes) {
        this.#pass(chunk, from, at);
        from = Math.min(end, chunk.length);
      }
      if (end > chunk.length) {
        this.#pending = end - chunk.length;
        this.#pendingPasses = passes;
        this.#severLongRow();
      }
      at = Math.min(end, chunk.length);
    }
    this.#pass(chunk, from, at);
    if (at < chunk.length) this.#carry = chunk.subarray(at);
    if (owedBefore > 0 && this.#owed.length === 0) this.onQuiet?.();
  }

  #pass(chunk: Buffer, from: number, to: number): void {
    if (from < to) {
      this.emit("data", from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
    }
  }

  /** Handles a whole control frame; answers whether the driver is to see it. */
  #control(type: number, chunk: Buffer, at: number, end: number): boolean {
    switch (type) {
      case READY_FOR_QUERY:
        return this.#ready(chunk[at + HEADER_BYTES] ?? 0);
      case PARAMETER_STATUS:
        return this.#parameter(chunk.toString("latin1", at + HEADER_BYTES, end - 1));
      case ERROR_RESPONSE:
        return this.#error(chunk, at + HEADER_BYTES, end);
      case BACKEND_KEY_DATA:
        this.#key = { pid: chunk.readUInt32BE(at + 5), secret: chunk.readUInt32BE(at + 9) };
        return true;
      case COPY_IN_RESPONSE:
      case COPY_OUT_RESPONSE:
      case COPY_BOTH_RESPONSE:
        // A statement never comes to copying: the driver would wait for ever.
        this.#refuse(new GuardError("COPY_REFUSED", "COPY is not available here"));
        return false;
      default:
        return this.#owed[0] !== "reset";
    }
  }

  #ready(status: number): boolean {
    this.#status = status;
    const owner = this.#owed.shift();
    if (owner === "reset") {
      if (status !== IDLE || this.#changedParameters.size > 0) this.#broken = true;
      return false;
    }
    // A reset that is under way does not mend a transaction that was left open.
    if (this.#owed[0] === "reset" && status !== IDLE) this.#broken = true;
    return true;
  }

  #parameter(text: string): boolean {
    const [name = "", value = ""] = text.split("\0");
    if (!this.#begun) {
      this.#startParameters.set(name, value);
      return true;
    }
    if (this.#startParameters.get(name) === value) this.#changedParameters.delete(name);
    else this.#changedParameters.add(name);
    return false;
  }

  #error(chunk: Buffer, from: number, end: number): boolean {
    let severity: string | undefined;
    let state: string | undefined;
    for (let at = from, next; at < end && chunk[at] !== 0; at = next) {
      next = chunk.indexOf(0, at) + 1;
      const value = () => chunk.toString("latin1", at + 1, next - 1);
      if (chunk[at] === FIELD.severity) severity = value();
      else if (chunk[at] === FIELD.code) state = value();
      else if (chunk[at] === FIELD.routine) chunk[at] = FIELD.unknown;
    }
    if (severity === "FATAL" || severity === "PANIC") {
      this.#fatalState = state;
      this.#broken = true;
      return true;
    }
    if (this.#owed[0] !== "reset") return true;
    this.#broken = true;
    return false;
  }

  #severLongRow(): void {
    if (!this.rows.stopped || this.#pendingPasses || this.#pending <= MAX_DRAINED_BYTES) return;
    this.#refuse(new GuardError("ROW_SEVERED", "The connection was closed within a long row"));
  }

  #refuse(error: GuardError): void {
    this.#broken = true;
    this.#socket.destroy(error);
  }
}
