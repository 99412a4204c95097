/**
 * The control plane's schema, as the ordered list of what was ever done to it. A published
 * migration is never changed; the next one follows it.
 *
 * @module
 */
import { foundation } from "./0001_foundation.ts";

/** One step of the schema, carried out in a transaction of its own. */
export interface Migration {
  /** 1, 2, 3, … without gaps. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [foundation];
