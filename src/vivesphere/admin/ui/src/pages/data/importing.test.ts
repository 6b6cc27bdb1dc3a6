import { expect, test } from "vitest";

import { formatOf } from "./importing";

test.each([
  ["leads.csv", "csv"],
  ["Leads.2026.JSON", "json"],
  ["a.jsonl", "jsonl"],
  ["a.ndjson", "jsonl"],
  ["a.xlsx", null],
  ["", null],
])("%s is %s", (name, format) => expect(formatOf(name)).toBe(format));
