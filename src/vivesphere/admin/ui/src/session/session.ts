import type { Tokens } from "../api/types";

const STORAGE_KEY = "vivesphere.refresh-token";
const REFRESH_AHEAD_S = 60;
const RETRY_AFTER_MS = 5_000;

/** `unknown` lasts until the first `restore()` has asked the server whether the kept refresh token still holds. */
export type SessionState = "unknown" | "signed-out" | "signed-in";

/** Answers new tokens, or null when the server refuses the refresh token; throws when it cannot be reached. */
export type Refresher = (refreshToken: string) => Promise<Tokens | null>;

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * Who is signed in, in this tab. The access token lives in memory only; the refresh token is kept in sessionStorage, so that a
 * reload does not ask for the password again and closing the tab forgets it.
 */
export class Session {
  #state: SessionState = "unknown";
  #accessToken: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refreshing: Promise<boolean> | null = null;
  #listeners = new Set<() => void>();

  constructor(
    private readonly store: Store,
    private readonly refresher: Refresher,
  ) {}

  get state(): SessionState {
    return this.#state;
  }

  get accessToken(): string | null {
    return this.#accessToken;
  }

  get refreshToken(): string | null {
    return this.store.getItem(STORAGE_KEY);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Picks the session up after a reload. */
  async restore(): Promise<void> {
    if (this.#state === "unknown" && !(await this.refresh())) this.signOut();
  }

  signIn(tokens: Tokens): void {
    this.#accessToken = tokens.access_token;
    this.store.setItem(STORAGE_KEY, tokens.refresh_token);
    // Short-lived tokens are refreshed at half their life, so that a refresh never chases the next one.
    const seconds = Math.max(tokens.expires_in - REFRESH_AHEAD_S, tokens.expires_in / 2);
    this.#schedule(seconds * 1000);
    this.#become("signed-in");
  }

  signOut(): void {
    clearTimeout(this.#timer);
    this.#accessToken = null;
    this.store.removeItem(STORAGE_KEY);
    this.#become("signed-out");
  }

  /**
   * Trades the refresh token for new tokens. Callers that come at the same moment share one exchange: the server takes a second
   * use of the same token for theft and ends the whole session.
   */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#exchange().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #exchange(): Promise<boolean> {
    const kept = this.refreshToken;
    if (kept === null) {
      this.signOut();
      return false;
    }
    try {
      const tokens = await this.refresher(kept);
      if (tokens === null) this.signOut();
      else this.signIn(tokens);
      return tokens !== null;
    } catch (unreachable) {
      if (this.#state !== "signed-in") throw unreachable;
      this.#schedule(RETRY_AFTER_MS);
      return false;
    }
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), milliseconds);
  }

  #become(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
