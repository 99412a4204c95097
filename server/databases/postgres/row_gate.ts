/**
 * Counts the rows that come in for a request, and says which of them pass.
 *
 * @module
 */

/** How many rows a request may bring in, over all of its statements. */
export interface RowLimits {
  readonly maxRows: number;
  /** Of the rows' frames. */
  readonly maxBytes: number;
  /** Of any one row. */
  readonly maxRowBytes?: number;
  /** Called once, when the first row is dropped. */
  readonly onExceeded?: () => void;
}

/** The rows of one session's current request. */
export class RowGate {
  #limits: RowLimits | undefined;
  #exempt = false;
  #rows = 0;
  #bytes = 0;
  #dropping = false;
  #stopped = false;
  #dropped = 0;
  #tooLarge = false;

  /** Whether rows were dropped since {@linkcode limit}. */
  get truncated(): boolean {
    return this.#dropped > 0;
  }

  /**
   * Whether what was dropped first was too large by itself: for the limit of one row, or, as the
   * very first row, for all that is allowed.
   */
  get rowTooLarge(): boolean {
    return this.#tooLarge;
  }

  /** Whether the request is being ended: nothing that still comes matters. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Bytes of rows handed on since {@linkcode limit}. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lets rows of Fluxbase's own queries pass, uncounted. */
  set exempt(exempt: boolean) {
    this.#exempt = exempt;
  }

  /** Sets the limits of a request and begins to count; without limits everything passes. */
  limit(limits: RowLimits | undefined): void {
    this.#limits = limits;
    this.#rows = 0;
    this.#bytes = 0;
    this.#dropping = false;
    this.#stopped = false;
    this.#dropped = 0;
    this.#tooLarge = false;
  }

  /** Lets no further row pass: the request is being ended. */
  stop(): void {
    this.#dropping = true;
    this.#stopped = true;
  }

  /** Whether a row whose frame has this many bytes passes. */
  admit(size: number): boolean {
    const limits = this.#limits;
    if (this.#exempt) return true;
    if (!this.#dropping) {
      if (limits === undefined) return true;
      const { maxRows, maxBytes, maxRowBytes = Infinity } = limits;
      if (this.#rows < maxRows && this.#bytes + size <= maxBytes && size <= maxRowBytes) {
        this.#rows++;
        this.#bytes += size;
        return true;
      }
      this.#dropping = true;
      this.#tooLarge = this.#rows === 0 && size > maxBytes || size > maxRowBytes;
    }
    if (++this.#dropped === 1) limits?.onExceeded?.();
    return false;
  }
}
