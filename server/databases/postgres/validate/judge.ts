/**
 * A parser and its rules, for one thread: text in, outcome out. Whatever the parser throws becomes
 * a refusal of that text, and a fresh instance takes the next.
 *
 * @module
 */
import { classify } from "./classify.ts";
import type { Parser } from "./libpg_query.ts";
import type { Outcome } from "./outcome.ts";

/** PostgreSQL quotes the rest of the text where a literal does not end; that much is enough. */
const MAX_MESSAGE = 300;

/** Judges texts one after the other. */
export class Judge {
  readonly #make: () => Promise<Parser>;
  readonly #forbiddenFunctions: ReadonlySet<string>;
  #parser: Parser | undefined;

  constructor(make: () => Promise<Parser>, forbiddenFunctions: ReadonlySet<string>) {
    this.#make = make;
    this.#forbiddenFunctions = forbiddenFunctions;
  }

  /** Makes an instance ready, where there is none. */
  async prepare(): Promise<void> {
    this.#parser ??= await this.#make();
  }

  /** Judges one text, which has passed the guard. Call `prepare` before each. */
  judge(text: string): Outcome {
    const parser = this.#parser;
    if (parser === undefined) throw new Error("The parser is not ready");
    try {
      const result = parser.parse(text);
      if ("error" in result) return short({ code: "QUERY_SYNTAX", refusal: result.error });
      return short(classify(text, result.tree, this.#forbiddenFunctions));
    } catch {
      // In nearly all cases the stack is used up: a RangeError.
      this.#parser = undefined;
      return {
        code: "QUERY_FORBIDDEN",
        refusal: { message: "The statement nests too deep for the parser" },
      };
    }
  }
}

/** The outcome with its message cut to a length that is worth keeping. */
function short(outcome: Outcome): Outcome {
  if (!("refusal" in outcome) || outcome.refusal.message.length <= MAX_MESSAGE) return outcome;
  // Up to a whole character.
  const message = `${
    outcome.refusal.message.slice(0, MAX_MESSAGE).replace(/[\ud800-\udbff]$/, "")
  }…`;
  return { ...outcome, refusal: { ...outcome.refusal, message } };
}
