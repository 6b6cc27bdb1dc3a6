import { expect, test } from "vitest";

import { filterFrom, filterProblems, filterWords, fromLocal, toLocal } from "./filter";

test("an address gives the parts that say something, and no others", () => {
  const search = { topic: " plans.> ", category: "", source: "module:plans", since: 5, tab: "x" };
  expect(filterFrom(search)).toEqual({ topic: "plans.>", source: "module:plans" });
  expect(filterFrom({})).toEqual({});
});

test("what the server would refuse is said at its field", () => {
  expect(filterProblems({ topic: "plans.>", since: "2026-01-01T00:00:00Z" })).toEqual({});
  expect(Object.keys(filterProblems({ topic: "a..b", category: "A b", since: "yesterday" }))).toEqual(["topic", "category", "since"]);
  expect(Object.keys(filterProblems({ since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z" }))).toEqual(["until"]);
});

test("a moment survives the field of local time and back", () => {
  const at = "2026-03-04T05:06:07.000Z";
  expect(fromLocal(toLocal(at))).toBe(at);
  expect(toLocal(undefined)).toBe("");
  expect(toLocal("yesterday")).toBe("");
  expect(fromLocal("yesterday")).toBe("yesterday");
});

test("a filter is told in words", () => {
  expect(filterWords({})).toContain("very");
  expect(filterWords({ topic: "plans.>", source: "module:plans" })).toContain("plans.>");
});
