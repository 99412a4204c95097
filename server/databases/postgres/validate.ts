/**
 * The parser's wall: which statements may reach a project's database at all, and what class each
 * of them is. PostgreSQL's own grammar reads the text, in a worker with a deadline and behind a
 * guard on the raw text; rules look at every node. The database is the other wall, and each holds
 * alone: this one stops what no privilege covers (session and transaction control, COPY, EXPLAIN
 * for end users, other projects' role names).
 *
 * @module
 */
import type { Actor, Placement } from "../database.ts";
import { guard, MAX_QUERY_BYTES } from "./guard.ts";
import { keyOf, OutcomeCache } from "./validate/cache.ts";
import { decide } from "./validate/decide.ts";
import { FORBIDDEN_FUNCTIONS } from "./validate/functions.ts";
import { Lane } from "./validate/lane.ts";
import type { Outcome, Verdict } from "./validate/outcome.ts";

export type { Verdict } from "./validate/outcome.ts";

/** How a validator works. */
export interface ValidatorOptions {
  /** Workers that judge texts up to 16 KiB; longer ones have one of their own. Default 1. */
  readonly workers?: number;
  /**
   * Milliseconds for each 16 KiB begun of a text in its worker. A text that takes longer loses its
   * turn and gets four times as long once more, apart from the others; then it is refused.
   * Default 250.
   */
  readonly deadlineMs?: number;
  /** Texts whose outcome is kept. Default 10,000. */
  readonly cacheEntries?: number;
  /** Size of what is kept, in bytes. Default 16 MiB. */
  readonly cacheBytes?: number;
  /** Longest text, in bytes of UTF-8. Default 256 KiB. */
  readonly maxQueryBytes?: number;
  /**
   * Functions that nobody may call: a builtin by its name, another with its schema
   * (`fluxbase.begin`). Default: those that the template withholds.
   */
  readonly forbiddenFunctions?: ReadonlySet<string>;
}

/** Texts up to this length, in UTF-16 units, go to the fast lane. */
const SHORT = 16 * 1024;

/** How many deadlines a text may take that has missed one. */
const PATIENCE = 4;

/** Judges statements, for all projects of a process. */
export class Validator implements AsyncDisposable {
  readonly #cache: OutcomeCache;
  readonly #maxQueryBytes: number;
  readonly #deadlineMs: number;
  /** Short texts, by how many workers there are. */
  readonly #lanes: readonly Lane[];
  /** Long texts and suspects, so that the others never wait for them. Starts with the first. */
  readonly #longLane: Lane;
  /** The same text is judged once, however many ask for it. */
  readonly #pending = new Map<string, Promise<Outcome>>();

  constructor(options: ValidatorOptions = {}) {
    this.#cache = new OutcomeCache(
      options.cacheEntries ?? 10_000,
      options.cacheBytes ?? 16 * 1024 * 1024,
    );
    this.#maxQueryBytes = options.maxQueryBytes ?? MAX_QUERY_BYTES;
    this.#deadlineMs = options.deadlineMs ?? 250;
    const lane = () =>
      new Lane({
        forbiddenFunctions: [...options.forbiddenFunctions ?? FORBIDDEN_FUNCTIONS],
        deadlineOf: (text) => this.#deadlineOf(text),
      });
    this.#lanes = Array.from({ length: Math.max(1, options.workers ?? 1) }, lane);
    this.#longLane = lane();
  }

  /** Resolves once the workers answer. */
  async ready(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.ready()));
  }

  /**
   * What the statement is, at once where the text is known, else as a promise.
   *
   * Throws or rejects with `QUERY_SYNTAX` (with SQLSTATE and position) where PostgreSQL cannot
   * parse the text, `QUERY_FORBIDDEN` where nobody or not this actor may run it, and `OVERLOADED`
   * where too many of the project's statements wait.
   *
   * @param query The text as the user sent it; this very string is to be executed
   * @param actor On whose behalf it is to run
   * @param project Whose roles GRANT, REVOKE and policies may name
   */
  check(query: string, actor: Actor, project: Placement): Verdict | Promise<Verdict> {
    const known = this.#cache.get(query);
    if (known !== undefined) return decide(known, actor, project);
    guard(query, this.#maxQueryBytes);
    return this.#judge(query, project).then((outcome) => decide(outcome, actor, project));
  }

  /** Ends the workers; statements that wait reject with `SHUTTING_DOWN`. */
  close(): Promise<void> {
    for (const lane of [...this.#lanes, this.#longLane]) lane.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #judge(query: string, project: Placement): Promise<Outcome> {
    const key = keyOf(query);
    const under = this.#pending.get(key);
    if (under !== undefined) return under;
    const outcome = this.#ask(query, project).finally(() => this.#pending.delete(key));
    this.#pending.set(key, outcome);
    return outcome;
  }

  async #ask(query: string, project: Placement): Promise<Outcome> {
    let judgement = await this.#laneFor(query).judge(query, project.token);
    // A busy machine may have been the cause. The second time the short ones do not wait for it.
    if ("killed" in judgement) {
      judgement = await this.#longLane.judge(query, project.token, PATIENCE);
    }
    if ("outcome" in judgement) {
      this.#cache.set(query, judgement.outcome);
      return judgement.outcome;
    }
    const message = judgement.killed === "deadline"
      ? `The parser could not read the statement within ${PATIENCE * this.#deadlineOf(query)} ms`
      : "The parser broke over the statement";
    const outcome: Outcome = { code: "QUERY_FORBIDDEN", refusal: { message } };
    this.#cache.ban(query, outcome);
    return outcome;
  }

  #laneFor(query: string): Lane {
    if (query.length > SHORT) return this.#longLane;
    return this.#lanes.reduce((least, lane) => lane.load < least.load ? lane : least);
  }

  #deadlineOf(query: string): number {
    return this.#deadlineMs * Math.max(1, Math.ceil(query.length / SHORT));
  }
}
