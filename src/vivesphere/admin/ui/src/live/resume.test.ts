import { expect, test } from "vitest";

import { isControl, Resume } from "./resume";

const frame = (type: string, data: Record<string, unknown> = {}) => ({ type, at: "2026-01-01T00:00:00Z", data });
const subscribed = (newest: number, log = "0a1b2c3d") => frame("stream.subscribed", { topic: ">", log, newest });

const LOG = "0a1b2c3d";
const error = frame("stream.error", { topic: ">", detail: "not from there" });

/** A page that stands at `newest` of the log, its connection lost and come back. */
function at(newest: number): Resume {
  const place = new Resume(">");
  place.begin();
  place.heard(subscribed(newest));
  place.begin();
  return place;
}

test("the first connection begins now, the next behind the newest recorded event", () => {
  const place = new Resume(">");
  expect(place.begin()).toEqual({ type: "subscribe", topic: ">" });
  expect(place.heard(subscribed(40)).notice).toBeNull();
  expect(place.begin()).toEqual({ type: "subscribe", topic: ">", after: 40, log: LOG });
  place.had(41);
  place.had(null);
  place.had(39);
  expect(place.begin().after).toBe(41);
});

test("a connection lost while it caught up goes on from what really came", () => {
  const place = at(40);
  place.heard(subscribed(90));
  place.had(50);
  expect(place.begin().after).toBe(50);
});

test("what was lost is told", () => {
  const place = at(4);
  expect(place.heard(frame("stream.gap", { after: 5, oldest: 9 })).notice).toMatchObject({ type: "stream.gap", data: { oldest: 9 } });
  const first = place.heard(frame("stream.dropped", { count: 3 })).notice;
  const second = place.heard(frame("stream.dropped", { count: 4 })).notice;
  expect(first?.id).not.toBe(second?.id);
  expect(place.heard(frame("stream.heartbeat"))).toEqual({ notice: null, ask: null });
  expect(place.heard(frame("stream.error", { detail: "no" })).ask).toBeNull();
});

test.each([
  ["of another name", subscribed(90, "ffffffff"), 90],
  ["that ends earlier", subscribed(7), 7],
])("a log %s is begun at its end, and that is told", (_, answer, end) => {
  const place = at(40);
  expect(place.heard(error).ask).toEqual({ type: "subscribe", topic: ">" });
  expect(place.heard(answer).notice?.type).toBe("stream.other_log");
  expect(place.begin().after).toBe(end);
});

test("a log that was away for a moment is gone on with", () => {
  const place = at(40);
  place.heard(error);
  expect(place.heard(subscribed(43))).toEqual({ notice: null, ask: { type: "subscribe", topic: ">", after: 40, log: LOG } });
  expect(place.heard(subscribed(43))).toEqual({ notice: null, ask: null });
});

test("a log that stays away is asked again with each heartbeat, and the place waits", () => {
  const place = at(40);
  place.heard(error);
  expect(place.heard(frame("stream.subscribed", { topic: ">", log: null, newest: null })).ask).toBeNull();
  place.had(45);
  expect(place.heard(frame("stream.heartbeat")).ask).toMatchObject({ after: 40 });
  place.heard(error);
  expect(place.heard(subscribed(40))).toEqual({ notice: null, ask: null });
  expect(place.heard(frame("stream.heartbeat")).ask).toBeNull();
});

test("only the stream's own frames are its frames", () => {
  expect(isControl(frame("stream.gap"))).toBe(true);
  expect(isControl(frame("bots.message.sent"))).toBe(false);
  expect(isControl(null)).toBe(false);
});
