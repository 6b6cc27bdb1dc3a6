import { expect, test } from "vitest";

import { needsValue, OF_EVERY_TABLE, operatorsFor, readBack, sortedBy, written, type Condition } from "./conditions";

const FIELDS = [
  { name: "name", type: "text" },
  { name: "age", type: "integer" },
  { name: "active", type: "boolean" },
  { name: "born", type: "date" },
  { name: "extra", type: "json" },
  ...OF_EVERY_TABLE,
];

const one = (column: string, operator: string, value = ""): Condition => ({ column, operator, value });

const jsonOf = (...conditions: Condition[]) => JSON.parse(written(FIELDS, { match: "all", conditions }).json ?? "null") as unknown;

test("each condition becomes what the server reads", () => {
  expect(jsonOf(one("name", "contains", "50%_\\"))).toEqual({ $and: [{ name: { $ilike: "%50\\%\\_\\\\%" } }] });
  expect(jsonOf(one("age", "$gte", "18"), one("active", "yes"))).toEqual({ $and: [{ age: { $gte: 18 } }, { active: true }] });
  expect(jsonOf(one("age", "$in", "1, 2,3"))).toEqual({ $and: [{ age: { $in: [1, 2, 3] } }] });
  expect(jsonOf(one("extra", "empty"))).toEqual({ $and: [{ extra: { $exists: false } }] });
  expect(jsonOf()).toBeNull();
});

test("what cannot be read is named by its place", () => {
  const filter = { match: "any" as const, conditions: [one("name", "$eq", "x"), one("age", "$gt", "old"), one("age", "$in", "1,x")] };
  expect(Object.keys(written(FIELDS, filter).problems)).toEqual(["1", "2"]);
});

test("a filter in an address comes back into the form, whatever it holds", () => {
  const conditions = [
    one("name", "begins", "a%\\_"),
    one("name", "contains", "b"),
    one("name", "$ne", "c"),
    one("age", "$nin", "1, 2"),
    one("active", "no"),
    one("born", "$lt", "2026-01-05"),
    one("extra", "filled"),
    one("id", "$eq", "0199c1f0-0000-7000-8000-000000000000"),
  ];
  for (const match of ["all", "any"] as const) {
    const { json, problems } = written(FIELDS, { match, conditions });
    expect(problems).toEqual({});
    expect(readBack(FIELDS, json)).toEqual({ match, conditions });
  }
  expect(readBack(FIELDS, undefined)?.conditions).toEqual([]);
});

test.each([
  "{",
  '{"name": "x"}',
  '{"$and": [{"$or": [{"age": 1}]}]}',
  '{"$and": [{"age": {"$gt": 1, "$lt": 5}}]}',
  '{"$and": [{"stranger": {"$eq": 1}}]}',
  '{"$and": [{"name": {"$ilike": "%a%b%"}}]}',
  '{"$and": [{"name": {"$like": "a%"}}]}',
  '{"$and": [{"age": {"$eq": 1}}], "name": "x"}',
])("%s is more than the form can show", (json) => expect(readBack(FIELDS, json)).toBeNull());

test("every type has its conditions, and only some need a value", () => {
  for (const { type } of FIELDS) expect(operatorsFor(type).length).toBeGreaterThan(1);
  expect([needsValue("$eq"), needsValue("empty"), needsValue("yes")]).toEqual([true, false, false]);
});

test("a click on a column sorts up, then down, then no more", () => {
  expect([undefined, "age", "-age", "name"].map((sort) => sortedBy(sort, "age"))).toEqual(["age", "-age", undefined, "age"]);
});
