/**
 * A queue that serves its owners in turn, so that nobody's long line delays the others by more
 * than one item each.
 *
 * @module
 */

interface Line<T> {
  readonly items: { readonly item: T; readonly weight: number }[];
  weight: number;
}

/** Items by owner, taken round robin. */
export class FairQueue<T> {
  /** In the order of the next turns. */
  readonly #lines = new Map<string, Line<T>>();
  #size = 0;

  /** Items waiting in all. */
  get size(): number {
    return this.#size;
  }

  /** Weight of one owner's items together. */
  weightOf(owner: string): number {
    return this.#lines.get(owner)?.weight ?? 0;
  }

  /** Puts an item at the end of its owner's line. */
  push(owner: string, item: T, weight = 1): void {
    let line = this.#lines.get(owner);
    if (line === undefined) {
      line = { items: [], weight: 0 };
      this.#lines.set(owner, line);
    }
    line.items.push({ item, weight });
    line.weight += weight;
    this.#size++;
  }

  /** The item whose turn it is; its owner goes to the end. */
  shift(): T | undefined {
    for (const [owner, line] of this.#lines) {
      this.#lines.delete(owner);
      const first = line.items.shift();
      if (first === undefined) continue;
      line.weight -= first.weight;
      this.#size--;
      if (line.items.length > 0) this.#lines.set(owner, line);
      return first.item;
    }
    return undefined;
  }
}
