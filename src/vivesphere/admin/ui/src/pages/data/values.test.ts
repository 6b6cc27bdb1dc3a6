import { expect, test } from "vitest";

import type { DataColumn } from "../../api/types";
import { blankOf, collect, draftOf, formOf, titleOf, valueOf } from "./values";

const column = (name: string, type: string, more: Partial<DataColumn> = {}): DataColumn =>
  ({ name, type, required: false, unique: false, default: null, references: null, ...more }) as DataColumn;

const COLUMNS = [
  column("name", "text", { required: true }),
  column("age", "integer"),
  column("active", "boolean", { required: true }),
  column("score", "number", { default: 1.5 }),
  column("seen", "datetime"),
  column("extra", "json"),
];

test.each([
  ["integer", "42", 42],
  ["number", "-1.5", -1.5],
  ["boolean", "true", true],
  ["boolean", "false", false],
  ["date", "2026-01-05", "2026-01-05"],
  ["json", '{"a": [1]}', { a: [1] }],
  ["text", " as it is ", " as it is "],
  ["reference", "0199c1f0-0000-7000-8000-000000000000", "0199c1f0-0000-7000-8000-000000000000"],
])("a %s field reads %s", (type, typed, value) => expect(valueOf({ type, required: true }, typed)).toEqual({ value }));

test.each([
  ["integer", "1.5"],
  ["integer", "many"],
  ["integer", "9007199254740993"],
  ["number", "1,5"],
  ["date", "5.1.2026"],
  ["datetime", "soon"],
  ["json", "{"],
])("a %s field refuses %s", (type, typed) => expect(valueOf({ type, required: false }, typed)).toHaveProperty("problem"));

test("nothing typed is no value; a required field needs one, but a text may be empty", () => {
  expect(valueOf({ type: "integer", required: false }, "")).toEqual({ value: null });
  expect(valueOf({ type: "text", required: false }, "")).toEqual({ value: null });
  expect(valueOf({ type: "text", required: true }, "")).toEqual({ value: "" });
  expect(valueOf({ type: "date", required: true }, "")).toHaveProperty("problem");
});

test("a new record begins with the defaults and says only what was typed", () => {
  const blank = blankOf(COLUMNS);
  expect(blank).toEqual({ name: "", age: "", active: "false", score: "1.5", seen: "", extra: "" });
  expect(collect(COLUMNS, { ...blank, name: "Ada" })).toEqual({ values: { name: "Ada", active: false, score: 1.5 }, problems: {} });
});

test("an edit says what was changed and nothing else, so that no digit is lost by looking", () => {
  const record = { id: "1", name: "Ada", age: 9007199254740993n, active: true, score: null, seen: "2026-01-05T08:00:00.123456Z", extra: { a: 1 } };
  const before = formOf(COLUMNS, record);
  expect(collect(COLUMNS, before, before)).toEqual({ values: {}, problems: {} });
  expect(collect(COLUMNS, { ...before, age: "", extra: "[]" }, before)).toEqual({ values: { age: null, extra: [] }, problems: {} });
  expect(Object.keys(collect(COLUMNS, { ...before, active: "", seen: "x" }, before).problems)).toEqual(["active", "seen"]);
});

test("what a field shows is read back as the same value", () => {
  for (const [type, value] of [
    ["datetime", "2026-01-05T08:00:00.000Z"],
    ["json", [1, { b: null }]],
    ["number", 0.1],
  ] as const) {
    expect(valueOf({ type, required: true }, draftOf(type, value))).toEqual({ value });
  }
});

test("a record is told by its first texts, or else by its id", () => {
  expect(titleOf(COLUMNS, { id: "7", name: "Ada", age: 3 })).toBe("Ada");
  expect(titleOf(COLUMNS, { id: "7", name: "", age: 3 })).toBe("7");
});
