import type { Actor, Placement } from "../database.ts";
import type { StatementValidator, Verdict } from "./runtime.ts";
import { FORBIDDEN_FUNCTIONS } from "./validate/functions.ts";
import { Validator } from "./validate.ts";

/**
 * The parser's wall of one server, which forbids the functions that this very server's version has
 * and the template withholds. Made with the first statement, since only then the server must answer.
 */
export class OwnValidator implements StatementValidator {
  readonly #forbidden: () => Promise<ReadonlySet<string>>;
  #validator: Validator | undefined;
  #making: Promise<Validator> | undefined;

  constructor(forbidden: () => Promise<ReadonlySet<string>>) {
    this.#forbidden = forbidden;
  }

  check(query: string, actor: Actor, project: Placement): Verdict | Promise<Verdict> {
    if (this.#validator !== undefined) return this.#validator.check(query, actor, project);
    return this.#make().then((validator) => validator.check(query, actor, project));
  }

  async close(): Promise<void> {
    await (await this.#making?.catch(() => undefined))?.close();
  }

  #make(): Promise<Validator> {
    return this.#making ??= this.#forbidden().then((withheld) => {
      const forbiddenFunctions = FORBIDDEN_FUNCTIONS.union(withheld);
      return this.#validator = new Validator({ forbiddenFunctions });
    }).catch((error) => {
      // The next statement tries again.
      this.#making = undefined;
      throw error;
    });
  }
}
