import { expect, test } from "vitest";

import { isEvent, merged, type LiveEvent } from "./events";

const event = (id: string, at: string, seq: number | null = null): LiveEvent => ({ id, at, seq, type: "bots.message.sent", data: {} });

test("an event that came live and again from the log is shown once, newest first", () => {
  const live = [event("c", "2026-01-01T00:00:03Z"), event("b", "2026-01-01T00:00:02Z")];
  const log = [event("b", "2026-01-01T00:00:02Z", 2), event("a", "2026-01-01T00:00:01Z", 1)];
  expect(merged(live, log, 10).map(({ id }) => id)).toEqual(["c", "b", "a"]);
  expect(merged(live, log, 2).map(({ id }) => id)).toEqual(["c", "b"]);
});

test("events of the same moment keep the order of the log", () => {
  const at = "2026-01-01T00:00:01Z";
  expect(merged([], [event("first", at, 1), event("second", at, 2)], 10).map(({ id }) => id)).toEqual(["second", "first"]);
});

test("the stream's own frames are no events", () => {
  expect(isEvent({ id: "1", type: "stream.heartbeat", at: "2026-01-01T00:00:01Z", data: {} })).toBe(false);
  expect(isEvent({ type: "stream.error", detail: "no" })).toBe(false);
  expect(isEvent({ v: 1, ...event("1", "2026-01-01T00:00:01Z") })).toBe(true);
});
