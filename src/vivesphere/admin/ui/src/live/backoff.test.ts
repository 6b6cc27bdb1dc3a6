import { expect, test } from "vitest";

import { delayBefore } from "./backoff";

test("the delay doubles, stays within its half, and has a ceiling", () => {
  expect(delayBefore(0, () => 0)).toBe(250);
  expect(delayBefore(0, () => 1)).toBe(500);
  expect(delayBefore(3, () => 1)).toBe(4_000);
  expect(delayBefore(50, () => 1)).toBe(20_000);
});
