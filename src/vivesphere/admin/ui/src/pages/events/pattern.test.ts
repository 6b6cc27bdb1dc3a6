import { expect, test } from "vitest";

import { matches, patternProblem, widened } from "./pattern";

test.each([
  [">", "bots"],
  [">", "bots.message.sent"],
  ["bots.>", "bots.message.sent"],
  ["bots.*.sent", "bots.message.sent"],
  ["*.*.*", "bots.message.sent"],
  ["*.>", "bots.message"],
  ["bots.message.sent", "bots.message.sent"],
])("%s names %s", (pattern, topic) => expect(matches(pattern, topic)).toBe(true));

test.each([
  ["bots.>", "bots"],
  ["bots.*", "bots.message.sent"],
  ["bots.*", "bots"],
  ["bots", "bots.message"],
  ["bots.message", "bots.message_x"],
  ["*.message.>", "bots.message"],
  ["plans.>", "bots.message.sent"],
])("%s does not name %s", (pattern, topic) => expect(matches(pattern, topic)).toBe(false));

test.each([">", "bots.>", "*.message.*", "a-b.c_d.0", Array(16).fill("a").join(".")])("%s is a pattern", (pattern) =>
  expect(patternProblem(pattern)).toBeNull(),
);

test.each([
  ["", "topic"],
  ["bots.", "between"],
  ["bots..sent", "between"],
  [".bots", "between"],
  [">.bots", "at the end"],
  ["bots.>.sent", "at the end"],
  ["bots.me*", "me*"],
  ["Bots.>", "Bots"],
  ["bots sent", "bots sent"],
  [Array(17).fill("a").join("."), "16"],
  ["ä".repeat(128), "255"],
])("%s is refused with a reason that names it", (pattern, reason) => expect(patternProblem(pattern)).toContain(reason));

test("a beginning that found nothing is offered as a pattern", () => {
  expect(widened("bots")).toBe("bots.>");
  expect(widened("bots.>")).toBeNull();
  expect(widened("bots.*")).toBeNull();
  expect(widened("Bots")).toBeNull();
});
