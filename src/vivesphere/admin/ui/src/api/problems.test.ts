import { expect, test } from "vitest";

import { problemFrom, sentenceOf } from "./problems";

test("a problem is shown as its detail, with the fields it names", () => {
  const body = { title: "Invalid", detail: "The plan cannot be saved.", errors: [{ field: "steps.0.kind", detail: "is unknown" }, "and more"] };
  expect(sentenceOf(problemFrom(422, body))).toBe("The plan cannot be saved. steps.0.kind: is unknown and more");
});

test("without a detail the title serves, and without a problem the status", () => {
  expect(sentenceOf(problemFrom(404, { title: "Not found" }))).toBe("Not found");
  expect(sentenceOf(problemFrom(502, "<html>"))).toContain("502");
});

test("a network failure is told in our words, not the browser's", () => {
  expect(sentenceOf(new TypeError("Failed to fetch"))).toContain("cannot be reached");
});
