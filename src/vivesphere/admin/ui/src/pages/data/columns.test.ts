import { expect, test } from "vitest";

import type { DataTable } from "../../api/types";
import { added, blankColumn, changeOf, columnsOf, faultsOf, indexInputs, isName, placed, rulesOf, type ColumnDraft } from "./columns";

const TABLE = {
  name: "leads",
  description: "People to call",
  columns: [
    { name: "name", type: "text", required: true, unique: false, default: null, references: null },
    { name: "stage", type: "text", required: false, unique: false, default: "open", references: null },
  ],
  indexes: [],
} as unknown as DataTable;

const fresh = (more: Partial<ColumnDraft>): ColumnDraft => ({ ...blankColumn(9), ...more });

test("a name is of small letters, digits and single underscores", () => {
  expect(["leads", "a1_b2"].every(isName)).toBe(true);
  expect(["", "Leads", "1a", "a__b", "a_", "a-b"].some(isName)).toBe(false);
});

test("what the form changes is said, and nothing else", () => {
  const unchanged = { description: TABLE.description, columns: columnsOf(TABLE), dropIndexes: [], indexes: [] };
  expect(changeOf(TABLE, unchanged)).toEqual({});
  const [name, stage] = columnsOf(TABLE) as [ColumnDraft, ColumnDraft];
  const columns = [{ ...name, name: "full_name" }, { ...stage, gone: true }, fresh({ name: "age", type: "integer", default: "18" })];
  expect(changeOf(TABLE, { description: "", columns, dropIndexes: ["i"], indexes: [{ key: 0, columns: "full_name, age,", unique: true }] })).toEqual({
    description: "",
    drop_columns: ["stage"],
    rename_columns: { name: "full_name" },
    add_columns: [{ name: "age", type: "integer", required: false, unique: false, default: 18, references: null }],
    drop_indexes: ["i"],
    add_indexes: [{ columns: ["full_name", "age"], unique: true }],
  });
  expect(indexInputs([{ key: 0, columns: " , ", unique: false }])).toEqual([]);
});

test("what the server would refuse is said at its field", () => {
  expect(faultsOf([])).toHaveProperty("columns");
  const drafts = [fresh({ key: 0, name: "a" }), fresh({ key: 1, name: "a" }), fresh({ key: 2, name: "b", type: "reference" })];
  expect(Object.keys(faultsOf(drafts)).sort()).toEqual(["0/name", "1/name", "2/references"]);
  expect(Object.keys(faultsOf([fresh({ name: "N", type: "integer", default: "x" })]))).toEqual(["9/name", "9/default"]);
  expect(faultsOf([fresh({ name: "a", unique: true, default: "shared" })])).toEqual({});
});

test("what the server finds comes to the column that it means", () => {
  const { keys } = added([...columnsOf(TABLE), fresh({ key: 5, name: "x" })]);
  expect(placed({ "/add_columns/0/name": "is taken", "/name": "is a word of SQL" }, keys)).toEqual({ "5/name": "is taken", name: "is a word of SQL" });
});

test("rules are told in words", () => {
  expect(TABLE.columns.map(rulesOf)).toEqual([["required"], ["else open"]]);
});
