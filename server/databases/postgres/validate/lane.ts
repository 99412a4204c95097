/**
 * One worker and the statements that wait for it. A statement that outstays its deadline takes the
 * worker with it and is refused; those sent after it are sent again to the next worker.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { FluxbaseError } from "../../../errors.ts";
import { FairQueue } from "./fair_queue.ts";
import type { Outcome } from "./outcome.ts";
import { parserPath } from "./parser_path.ts";

/** The first message configures, each later one is a text to judge. */
export type ToWorker = string | {
  readonly forbiddenFunctions: readonly string[];
  /** Path of the parser's WebAssembly module. */
  readonly parser: string;
};

export type FromWorker =
  | { readonly started: true }
  | { readonly ready: true }
  | { readonly outcome: Outcome };

/** What a lane makes of a text. */
export type Judgement =
  | { readonly outcome: Outcome }
  /** The worker was ended: by its deadline, or because it broke. */
  | { readonly killed: "deadline" | "broken" };

/** How a lane works. */
export interface LaneOptions {
  readonly forbiddenFunctions: readonly string[];
  /** Milliseconds that a text may take; starting the worker does not count. */
  readonly deadlineOf: (text: string) => number;
  /** The worker's module, which speaks as `validate_worker.ts` does. */
  readonly module?: URL;
}

/** What the worker may do: read its own code and the parser's package. */
export function workerPermissions(): Deno.PermissionOptionsObject {
  return {
    read: [
      fileURLToPath(new URL(".", import.meta.url)),
      fileURLToPath(WORKER),
      dirname(dirname(parserPath())),
    ],
    net: false,
    env: false,
    write: false,
    run: false,
    ffi: false,
    sys: false,
    import: false,
  };
}

interface Job {
  readonly text: string;
  /** Multiplies the deadline. */
  readonly patience: number;
  readonly done: (judgement: Judgement) => void;
  readonly failed: (error: FluxbaseError) => void;
}

const WORKER = new URL("../validate_worker.ts", import.meta.url);

/** Sent ahead, so that the worker never waits for this thread; few, so that turns stay fair. */
const AHEAD = 8;

/** What may wait for one project, in characters and with so many more for each statement. */
const MAX_WAITING = 16 * 1024 * 1024;
const JOB_WEIGHT = 1024;

/** A worker that says nothing for so long will not start any more. */
const START_TIMEOUT_MS = 30_000;

/** Starts in a row that may fail before those who wait are told. */
const MAX_FAILED_STARTS = 3;

/** Judges texts in a worker of its own. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting = new FairQueue<Job>();
  /** Taken back from a worker that ended; they go first. */
  #again: Job[] = [];
  /** Sent and not yet answered, in order. */
  #sent: Job[] = [];
  #worker: Worker | undefined;
  #state: "stopped" | "starting" | "ready" | "closed" = "stopped";
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the first of the sent became the first. */
  #since = 0;
  /** Whether a deadline was missed by this thread's own lateness, once for each statement. */
  #grace = true;
  #failedStarts = 0;
  #ready = Promise.withResolvers<void>();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#ready.promise.catch(() => {});
  }

  /** Statements in the lane. */
  get load(): number {
    return this.#waiting.size + this.#again.length + this.#sent.length;
  }

  /** Resolves once the worker answers; starts it where need be. */
  ready(): Promise<void> {
    if (this.#state === "stopped") this.#start();
    return this.#ready.promise;
  }

  /**
   * Judges a text for a project. Rejects with `OVERLOADED` when too many of its wait already.
   *
   * @param patience How many times its usual deadline the text may take
   */
  judge(text: string, owner: string, patience = 1): Promise<Judgement> {
    return new Promise((done, failed) => {
      if (this.#state === "closed") {
        failed(new FluxbaseError("SHUTTING_DOWN", "The server is stopping"));
        return;
      }
      if (this.#waiting.weightOf(owner) > MAX_WAITING) {
        failed(
          new FluxbaseError(
            "OVERLOADED",
            "Too many statements of this project wait for the parser",
          ),
        );
        return;
      }
      this.#waiting.push(owner, { text, patience, done, failed }, text.length + JOB_WEIGHT);
      this.#send();
    });
  }

  /** Ends the worker. Statements that wait fail. */
  close(): void {
    this.#stop();
    this.#state = "closed";
    const error = new FluxbaseError("SHUTTING_DOWN", "The server is stopping");
    this.#ready.reject(error);
    this.#failAll(error);
  }

  #send(): void {
    if (this.#state === "stopped") this.#start();
    if (this.#state !== "ready") return;
    while (this.#sent.length < AHEAD) {
      const job = this.#again.shift() ?? this.#waiting.shift();
      if (job === undefined) return;
      if (this.#sent.push(job) === 1) this.#watch();
      this.#worker?.postMessage(job.text satisfies ToWorker);
    }
  }

  #answered(outcome: Outcome): void {
    const job = this.#sent.shift();
    if (this.#sent.length > 0) this.#watch();
    this.#send();
    job?.done({ outcome });
  }

  /** The first of the sent has its time from now on. */
  #watch(): void {
    this.#since = performance.now();
    this.#grace = true;
    // One timer serves many statements: it looks again when it fires too early.
    this.#timer ??= setTimeout(this.#look, this.#deadline());
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    if (this.#sent.length === 0 || this.#state !== "ready") return;
    const left = this.#since + this.#deadline() - performance.now();
    if (left > 0) {
      this.#timer = setTimeout(this.#look, left);
    } else if (this.#grace) {
      // Where this thread itself was busy, the answer may lie unread: one turn to read it.
      this.#grace = false;
      this.#timer = setTimeout(this.#look, 5);
    } else {
      this.#kill("deadline");
    }
  };

  #deadline(): number {
    const [first] = this.#sent;
    return first === undefined ? 0 : first.patience * this.#options.deadlineOf(first.text);
  }

  /** Ends the worker over the first of the sent; the others are sent again. */
  #kill(killed: "deadline" | "broken"): void {
    const job = this.#sent.shift();
    this.#stop();
    this.#again = [...this.#sent, ...this.#again];
    this.#sent = [];
    this.#start();
    job?.done({ killed });
  }

  #start(): void {
    this.#state = "starting";
    const worker = new Worker(this.#options.module ?? WORKER, {
      type: "module",
      name: "statement parser",
      deno: { permissions: workerPermissions() },
    });
    this.#worker = worker;
    this.#timer = setTimeout(() => this.#notStarted(), START_TIMEOUT_MS);
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if ("outcome" in data) return this.#answered(data.outcome);
      if ("started" in data) {
        const forbiddenFunctions = this.#options.forbiddenFunctions;
        worker.postMessage({ forbiddenFunctions, parser: parserPath() } satisfies ToWorker);
        return;
      }
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#state = "ready";
      this.#failedStarts = 0;
      this.#ready.resolve();
      this.#send();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.#worker !== worker) return;
      if (this.#state === "starting") this.#notStarted(event.message);
      else if (this.#sent.length > 0) this.#kill("broken");
      else this.#stop();
    };
  }

  #notStarted(cause?: string): void {
    this.#stop();
    if (++this.#failedStarts < MAX_FAILED_STARTS) return this.#start();
    this.#failedStarts = 0;
    const error = new FluxbaseError("INTERNAL", "The statement parser does not start", { cause });
    this.#ready.reject(error);
    this.#ready = Promise.withResolvers<void>();
    this.#ready.promise.catch(() => {});
    this.#failAll(error);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#state = "stopped";
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #failAll(error: FluxbaseError): void {
    const jobs = [...this.#sent, ...this.#again];
    this.#sent = [];
    this.#again = [];
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      jobs.push(job);
    }
    for (const job of jobs) job.failed(error);
  }
}
