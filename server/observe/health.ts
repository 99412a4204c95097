/**
 * Whether the server can do its work, and by name what is missing where it cannot.
 *
 * @module
 */

/** One thing that must be there; throws with what is wrong where it is not. */
export type Check = () => void | Promise<void>;

/** What `/readyz` answers. */
export interface Readiness {
  readonly ready: boolean;
  /** Name of each missing thing to what is wrong with it. */
  readonly missing: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 2_000;

/** Named checks, asked together. */
export class Health {
  readonly #checks = new Map<string, Check>();
  #stopping = false;

  /** Adds a thing that must be there. */
  require(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  /** From now on the server is not ready, so that no balancer sends it more. */
  stop(): void {
    this.#stopping = true;
  }

  /** Asks every check; each has two seconds. */
  async readiness(): Promise<Readiness> {
    const missing: Record<string, string> = this.#stopping ? { server: "is stopping" } : {};
    await Promise.all([...this.#checks].map(async ([name, check]) => {
      const fault = await faultOf(check);
      if (fault !== undefined) missing[name] = fault;
    }));
    return { ready: Object.keys(missing).length === 0, missing };
  }
}

async function faultOf(check: Check): Promise<string | undefined> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`no answer in ${DEADLINE_MS} ms`), DEADLINE_MS);
  try {
    const run = async () => void await check();
    return await Promise.race([run(), late.promise]) ?? undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    clearTimeout(timer);
  }
}
