import { type Client, createClient } from "@fluxbase/client";

/** Where the key of this tab is kept: gone with the tab, never sent anywhere but to the server. */
const STORAGE = "fluxbase-session";

/** Who this tab speaks for. */
export interface SignedIn {
  readonly projectId: string;
  readonly client: Client;
}

interface StoredSession {
  readonly projectId: string;
  readonly key: string;
}

/** The tab's session: signed out, or a project's key with its client. */
export class Session {
  current: SignedIn | undefined = $state.raw();
  /** Why the last attempt to sign in failed. */
  problem: string | undefined = $state();
  busy = $state(false);

  /** Takes up what the address or the tab holds: a one-time code first, then an earlier session. */
  async restore(): Promise<void> {
    const code = takeCode();
    if (code !== undefined) return await this.#exchange(code);
    const stored = sessionStorage.getItem(STORAGE);
    if (stored !== null) this.#open(JSON.parse(stored));
  }

  /** Signs in by a key that the user pasted. */
  async signIn(key: string): Promise<void> {
    await this.#attempt(async () => {
      const session = { projectId: "this key's project", key };
      await clientFor(key).describe();
      return session;
    });
  }

  signOut(): void {
    sessionStorage.removeItem(STORAGE);
    this.current = undefined;
  }

  async #exchange(code: string): Promise<void> {
    await this.#attempt(async () => {
      const response = await fetch("/api/sign-in", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ code }),
      });
      const answer = await response.json();
      if (!answer.success) throw new Error(answer.error.message);
      return { projectId: answer.projectId, key: answer.key };
    });
  }

  async #attempt(session: () => Promise<StoredSession>): Promise<void> {
    this.busy = true;
    this.problem = undefined;
    try {
      this.#open(await session());
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }

  #open(stored: StoredSession): void {
    sessionStorage.setItem(STORAGE, JSON.stringify(stored));
    this.current = { projectId: stored.projectId, client: clientFor(stored.key) };
  }
}

function clientFor(key: string): Client {
  return createClient({ url: location.origin, key });
}

/** The code of `#code=…`, taken out of the address before anything else sees it. */
function takeCode(): string | undefined {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code === null) return undefined;
  history.replaceState(null, "", location.pathname);
  return code;
}
