import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Tokens } from "../api/types";
import { Session, type Refresher } from "./session";

class Drawer {
  kept = new Map<string, string>();
  getItem = (key: string) => this.kept.get(key) ?? null;
  setItem = (key: string, value: string) => void this.kept.set(key, value);
  removeItem = (key: string) => void this.kept.delete(key);
}

const tokens = (n: number): Tokens => ({
  access_token: `access-${n}`,
  refresh_token: `refresh-${n}`,
  token_type: "Bearer",
  expires_in: 600,
});

/** A server that gives number after number and, as the real one does, takes each refresh token once only. */
function server() {
  const seen: string[] = [];
  const refresher: Refresher = (token) => {
    const fresh = !seen.includes(token);
    seen.push(token);
    return Promise.resolve(fresh ? tokens(seen.length + 1) : null);
  };
  return { seen, refresher };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the access token is kept out of the storage", () => {
  const drawer = new Drawer();
  new Session(drawer, server().refresher).signIn(tokens(1));
  expect([...drawer.kept.values()]).toEqual(["refresh-1"]);
});

test("a reload picks the session up with the kept refresh token", async () => {
  const drawer = new Drawer();
  const { refresher } = server();
  new Session(drawer, refresher).signIn(tokens(1));
  const reloaded = new Session(drawer, refresher);
  await reloaded.restore();
  expect(reloaded.state).toBe("signed-in");
  expect(reloaded.accessToken).toBe("access-2");
});

test("callers of the same moment share one refresh, since a second use of the token would end the session", async () => {
  const { seen, refresher } = server();
  const session = new Session(new Drawer(), refresher);
  session.signIn(tokens(1));
  expect(await Promise.all([session.refresh(), session.refresh(), session.refresh()])).toEqual([true, true, true]);
  expect(seen).toEqual(["refresh-1"]);
});

test("the token is refreshed a minute before it expires", async () => {
  const { seen, refresher } = server();
  const session = new Session(new Drawer(), refresher);
  session.signIn(tokens(1));
  await vi.advanceTimersByTimeAsync(539_000);
  expect(seen).toEqual([]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(seen).toEqual(["refresh-1"]);
  expect(session.accessToken).toBe("access-2");
});

test("a refused refresh signs out and forgets the token", async () => {
  const drawer = new Drawer();
  const session = new Session(drawer, () => Promise.resolve(null));
  session.signIn(tokens(1));
  expect(await session.refresh()).toBe(false);
  expect(session.state).toBe("signed-out");
  expect(drawer.kept.size).toBe(0);
});

test("a server that cannot be reached does not end the session; it is asked again", async () => {
  let reachable = false;
  const session = new Session(new Drawer(), () => (reachable ? Promise.resolve(tokens(2)) : Promise.reject(new TypeError("offline"))));
  session.signIn(tokens(1));
  expect(await session.refresh()).toBe(false);
  expect(session.state).toBe("signed-in");
  reachable = true;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(session.accessToken).toBe("access-2");
});
