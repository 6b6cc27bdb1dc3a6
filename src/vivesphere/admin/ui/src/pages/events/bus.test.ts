import { expect, test } from "vitest";

import type { BusOverview, Subscriber } from "../../api/types";
import { deadIn, durableIn, ratesBetween, stateOf, troublesOf, worstFirst } from "./bus";

const subscriber = (name: string, other: Partial<Subscriber> = {}): Subscriber => ({
  name,
  principal: "module:audit",
  patterns: [">"],
  delivery: "live",
  lanes: 1,
  waiting: 0,
  handled: 0,
  failed: 0,
  dropped: 0,
  dead: 0,
  cut: 0,
  capacity: 1000,
  overflow: "drop_oldest",
  lag: null,
  tripped: [],
  blocked: null,
  ...other,
});

const overview = (other: Partial<BusOverview> = {}): BusOverview => ({
  published: 0,
  requests: 0,
  loops_broken: 0,
  refused: {},
  subscribers: [],
  publishers: [],
  responders: [],
  audit: { recorded: 0, waiting: 0, unaudited: 0, trouble: null },
  loop: { last_ms: 0, worst_ms: 0, blocked: 0, culprit: null },
  log: { log_id: "0a1b2c3d", oldest: null, newest: 0, events: 0, bytes: 0 },
  ...other,
});

test("those in trouble stand first", () => {
  const all = [subscriber("b"), subscriber("a"), subscriber("lost", { dropped: 1 }), subscriber("stuck", { blocked: "event 1" })];
  expect(worstFirst(all).map(({ name }) => name)).toEqual(["stuck", "lost", "a", "b"]);
  expect(stateOf(subscriber("x", { tripped: ["a.b"] }))).toBe("tripped");
  expect(stateOf(subscriber("x", { tripped: ["a.b"], blocked: "event 1" }))).toBe("blocked");
});

test("a durable listener has one full name, however the server writes it", () => {
  const durable = { delivery: "durable" as const, dead: 2 };
  const found = overview({ subscribers: [subscriber("module:audit/b", durable), subscriber("a", durable), subscriber("live")] });
  expect(durableIn(found).map(({ name }) => name)).toEqual(["module:audit/a", "module:audit/b"]);
  expect(deadIn(found)).toBe(4);
});

test("a healthy bus has no troubles, and each trouble is said", () => {
  expect(troublesOf(overview({ subscribers: [subscriber("a", { failed: 3 })] }))).toEqual([]);
  const ill = overview({
    subscribers: [subscriber("a", { blocked: "event 1", tripped: ["x.y"], dead: 1, dropped: 2 })],
    audit: { recorded: 0, waiting: 0, unaudited: 3, trouble: "the disk is full" },
    loops_broken: 1,
    loop: { last_ms: 0, worst_ms: 900, blocked: 2, culprit: "plugin quotes" },
  });
  const said = troublesOf(ill);
  expect(said).toHaveLength(7);
  for (const word of ["event 1", "x.y", "the disk is full", "plugin quotes"]) expect(said.join(" ")).toContain(word);
});

test("rates come from two looks, and a restart gives none", () => {
  const publisher = (published: number) => ({ principal: "module:a", published, refused: 0, rate: 100, burst: 100 });
  const before = overview({ published: 100, publishers: [publisher(40)] });
  const now = overview({ published: 160, publishers: [publisher(80), { ...publisher(20), principal: "module:b" }] });
  expect(ratesBetween(before, now, 4)).toEqual({ all: 15, of: { "module:a": 10, "module:b": 5 } });
  expect(ratesBetween(now, before, 4)).toBeNull();
  expect(ratesBetween(before, now, 0)).toBeNull();
});
