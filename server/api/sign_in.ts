/**
 * The one-time code of the address that `start` prints. Whoever opens it gets the demo project's
 * key, once.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { FluxbaseError } from "../errors.ts";

const CODE_BYTES = 16;
const LIFETIME_MS = 15 * 60_000;
const ATTEMPTS = 10;
const ATTEMPTS_WINDOW_MS = 60_000;
const MAX_CLIENTS = 10_000;

/** What a code is exchanged for. */
export interface SignInGrant {
  readonly projectId: string;
  readonly key: string;
}

/** Issues one code at a time and redeems it. */
export class SignIn {
  readonly #now: () => number;
  #issued: { digest: Uint8Array; expiresAt: number; grant: SignInGrant } | undefined;
  readonly #attempts = new Map<string, { count: number; since: number }>();

  /** `now` gives milliseconds of a monotonic clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Makes a code of 128 random bits; an older one stops working. */
  async issue(grant: SignInGrant): Promise<string> {
    const code = crypto.getRandomValues(new Uint8Array(CODE_BYTES)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
    const digest = await digestOf(code);
    this.#issued = { digest, expiresAt: this.#now() + LIFETIME_MS, grant };
    return code;
  }

  /** The grant, exactly once; `UNAUTHORIZED` or, after ten wrong codes a minute, `RATE_LIMITED`. */
  async redeem(code: string, client: string): Promise<SignInGrant> {
    this.#countAttempt(client);
    const digest = await digestOf(code);
    const issued = this.#issued;
    const right = issued !== undefined && timingSafeEqual(issued.digest, digest);
    if (!right || issued.expiresAt <= this.#now()) {
      throw new FluxbaseError(
        "UNAUTHORIZED",
        "This sign-in code is wrong, used or expired; a restart of the server prints a new one",
      );
    }
    this.#issued = undefined;
    this.#attempts.delete(client);
    return issued.grant;
  }

  #countAttempt(client: string): void {
    const now = this.#now();
    const attempts = this.#attempts.get(client);
    if (attempts === undefined || now - attempts.since >= ATTEMPTS_WINDOW_MS) {
      if (this.#attempts.size >= MAX_CLIENTS) this.#attempts.clear();
      this.#attempts.set(client, { count: 1, since: now });
      return;
    }
    attempts.count++;
    if (attempts.count > ATTEMPTS) {
      throw new FluxbaseError("RATE_LIMITED", "Too many sign-in attempts; wait a minute");
    }
  }
}

// Equal lengths whatever was sent, and nothing to learn from the time of the comparison.
async function digestOf(code: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(code)));
}
