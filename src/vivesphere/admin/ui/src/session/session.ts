import type { CsrfCookie } from "./csrf";

/** `unknown` lasts until the first `restore()` has asked the server whether the cookies still hold. */
export type SessionState = "unknown" | "signed-out" | "signed-in";

interface Server {
  /** Whether the server knows who we are; throws when it cannot be reached. */
  check: () => Promise<boolean>;
  /** Has the server renew the cookies; false when it will not, throws when it cannot be reached. */
  refresh: () => Promise<boolean>;
}

/**
 * Who is signed in, in this browser. The tokens are in cookies that no script can read, and every tab has the same ones; what a tab
 * knows is the CSRF token of the session that it shows.
 */
export class Session {
  #state: SessionState = "unknown";
  #shown: string | null = null;
  #refreshing: Promise<boolean> | null = null;
  #listeners = new Set<() => void>();

  constructor(
    private readonly cookie: CsrfCookie,
    private readonly server: Server,
  ) {}

  get state(): SessionState {
    return this.#state;
  }

  get csrfToken(): string | null {
    return this.cookie.read();
  }

  /** Whether another tab has signed in since, maybe as somebody else. */
  get replaced(): boolean {
    const present = this.cookie.read();
    return this.#state === "signed-in" && present !== null && present !== this.#shown;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Picks the session up after a reload. */
  async restore(): Promise<void> {
    if (this.#state !== "unknown") return;
    if (this.cookie.read() !== null && (await this.server.check())) this.signIn();
    else this.signOut();
  }

  /** The server has set the cookies. */
  signIn(): void {
    this.#shown = this.cookie.read();
    this.#become("signed-in");
  }

  signOut(): void {
    this.cookie.forget();
    this.#shown = null;
    this.#become("signed-out");
  }

  /** Renews the cookies. Callers that come at the same moment share one exchange. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#exchange().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #exchange(): Promise<boolean> {
    try {
      if (this.cookie.read() !== null && (await this.server.refresh())) return true;
      this.signOut();
    } catch (unreachable) {
      // A page that was open stays as it is; one that is being opened says why it cannot be.
      if (this.#state !== "signed-in") throw unreachable;
    }
    return false;
  }

  #become(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
