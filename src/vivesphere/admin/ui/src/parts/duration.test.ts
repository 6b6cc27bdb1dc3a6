import { expect, test } from "vitest";

import { byteWords, durationWords, microsOf } from "./duration";

test("moments are told apart by the microsecond, however many digits they are written with", () => {
  expect(microsOf("2026-01-01T00:00:00.000250Z") - microsOf("2026-01-01T00:00:00Z")).toBe(250);
  expect(microsOf("2026-01-01T00:00:00.5Z") - microsOf("2026-01-01T00:00:00Z")).toBe(500_000);
  expect(microsOf("2026-01-01T01:00:00.25+01:00")).toBe(microsOf("2026-01-01T00:00:00.25Z"));
  expect(microsOf("no moment")).toBeNaN();
});

test.each([
  [0, "0 ms"],
  [0.25, "0.3 ms"],
  [123.4, "123 ms"],
  [1_250, "1.3 s"],
  [125_000, "2 min 5 s"],
  [3_725_000, "1 h 2 min"],
  [90_000_000, "1 d 1 h"],
])("%d ms is %s", (ms, words) => expect(durationWords(ms)).toBe(words));

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [200 * 1024 ** 2, "200 MiB"],
  [2 ** 62, "4194304 TiB"],
])("%d bytes are %s", (bytes, words) => expect(byteWords(bytes)).toBe(words));
