/**
 * Which texts are worth a prepared statement: those that come again.
 *
 * @module
 */

/** Longer ones are hardly ever sent twice, and hold memory in every session. */
const MAX_TEXT = 16_384;
/** Characters remembered in each of two generations. */
const MAX_REMEMBERED = 262_144;

/**
 * Remembers the texts of a project's statements. Two generations stand in for a list in the order
 * of use: a hit on the younger one, the usual case, changes nothing.
 */
export class PreparedTexts {
  #young = new Set<string>();
  #old = new Set<string>();
  #size = 0;

  /** Whether the text was seen before, lately. */
  seen(text: string): boolean {
    if (this.#young.has(text)) return true;
    if (text.length > MAX_TEXT) return false;
    const again = this.#old.has(text);
    this.#size += text.length;
    if (this.#size > MAX_REMEMBERED) {
      this.#old = this.#young;
      this.#young = new Set();
      this.#size = text.length;
    }
    this.#young.add(text);
    return again;
  }
}
