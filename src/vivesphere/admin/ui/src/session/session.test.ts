import { expect, test } from "vitest";

import { Session } from "./session";

class Jar {
  constructor(public value: string | null = null) {}
  read = () => this.value;
  forget = () => void (this.value = null);
}

const yes = () => Promise.resolve(true);
const no = () => Promise.resolve(false);
const offline = () => Promise.reject(new TypeError("offline"));

test("without the cookie nobody is signed in, and the server is not asked", async () => {
  const session = new Session(new Jar(), { check: offline, refresh: offline });
  await session.restore();
  expect(session.state).toBe("signed-out");
});

test("a reload picks the session up if the server knows the cookies", async () => {
  const session = new Session(new Jar("c1"), { check: yes, refresh: no });
  await session.restore();
  expect(session.state).toBe("signed-in");
  expect(session.csrfToken).toBe("c1");
});

test("a reload with cookies that are no longer good leads to the login, and the next one does not ask again", async () => {
  const jar = new Jar("c1");
  const session = new Session(jar, { check: no, refresh: no });
  await session.restore();
  expect(session.state).toBe("signed-out");
  expect(jar.value).toBeNull();
});

test("a server that cannot be reached decides nothing", async () => {
  const jar = new Jar("c1");
  const session = new Session(jar, { check: offline, refresh: offline });
  await expect(session.restore()).rejects.toThrow("offline");
  expect([session.state, jar.value]).toEqual(["unknown", "c1"]);
});

test("callers of the same moment share one refresh", async () => {
  let asked = 0;
  const session = new Session(new Jar("c1"), { check: yes, refresh: () => Promise.resolve(++asked > 0) });
  session.signIn();
  expect(await Promise.all([session.refresh(), session.refresh(), session.refresh()])).toEqual([true, true, true]);
  expect(asked).toBe(1);
});

test("a refused refresh signs out", async () => {
  const session = new Session(new Jar("c1"), { check: yes, refresh: no });
  session.signIn();
  expect(await session.refresh()).toBe(false);
  expect(session.state).toBe("signed-out");
});

test("a refresh that does not reach the server does not end the session", async () => {
  const session = new Session(new Jar("c1"), { check: yes, refresh: offline });
  session.signIn();
  expect(await session.refresh()).toBe(false);
  expect(session.state).toBe("signed-in");
});

test("a tab notices that another one has signed in anew, and not that the cookies were renewed", () => {
  const jar = new Jar("c1");
  const session = new Session(jar, { check: yes, refresh: yes });
  session.signIn();
  expect(session.replaced).toBe(false);
  jar.value = "c2";
  expect(session.replaced).toBe(true);
  session.signIn();
  expect(session.replaced).toBe(false);
});
