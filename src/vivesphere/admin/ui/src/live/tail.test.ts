import { expect, test } from "vitest";

import type { LiveEvent } from "./events";
import { EMPTY, KEPT, onPage, paused, resumed, withArrivals } from "./tail";

const event = (n: number): LiveEvent => ({
  id: `e${n}`,
  at: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
  seq: n,
  type: "bots.message.sent",
  data: {},
});

test("arrivals stand newest first, and the oldest go", () => {
  const tail = withArrivals(EMPTY, Array.from({ length: KEPT + 5 }, (_, n) => event(n)));
  expect(tail.arrived).toHaveLength(KEPT);
  expect(tail.arrived[0]?.id).toBe(`e${KEPT + 4}`);
});

test("a pause holds every arrival, counts them all, and gives them back", () => {
  const before = paused(withArrivals(EMPTY, [event(1)]), event(1).at);
  const holding = withArrivals(withArrivals(before, [event(2)]), [event(3), event(2)]);
  expect(holding.arrived.map(({ id }) => id)).toEqual(["e1"]);
  expect(holding.heldCount).toBe(2);
  const after = resumed(holding);
  expect(after.arrived.map(({ id }) => id)).toEqual(["e3", "e2", "e1"]);
  expect(after.heldCount).toBe(0);
});

test("more than is kept is still counted", () => {
  const many = withArrivals(paused(EMPTY, undefined), Array.from({ length: KEPT + 50 }, (_, n) => event(n)));
  expect(many.heldCount).toBe(KEPT + 50);
  expect(resumed(many).arrived).toHaveLength(KEPT);
});

test("the log's later answers do not break a pause", () => {
  const tail = paused(withArrivals(EMPTY, [event(2)]), event(2).at);
  const all = () => true;
  expect(onPage(tail, [event(3), event(1)], all).map(({ id }) => id)).toEqual(["e2", "e1"]);
  expect(onPage(resumed(tail), [event(3), event(1)], all).map(({ id }) => id)).toEqual(["e3", "e2", "e1"]);
  expect(onPage(paused(EMPTY, undefined), [event(1)], all)).toEqual([]);
});
