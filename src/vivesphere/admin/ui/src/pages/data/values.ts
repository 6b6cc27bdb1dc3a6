import type { DataColumn, TableRecord } from "../../api/types";
import { t } from "../../messages";
import { fromLocal, toLocal } from "../events/filter";

const { record: words } = t.data;

/** What is typed at each column. A yes-or-no is `true`, `false`, or empty for no value. */
export type Draft = Record<string, string>;

export type Read = { value: unknown } | { problem: string };

type Typed = Pick<DataColumn, "type" | "required">;

/** What a field shows for a value. A moment is shown in the time of this machine's wall. */
export function draftOf(type: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (type === "json") return JSON.stringify(value, null, 2);
  if (type === "datetime") return toLocal(String(value));
  return String(value);
}

function number(typed: string, whole: boolean): Read {
  const value = Number(typed);
  if (!Number.isFinite(value) || typed.trim() === "") return { problem: whole ? words.noInteger : words.noNumber };
  if (!whole) return { value };
  if (!Number.isInteger(value)) return { problem: words.noInteger };
  // Beyond that JavaScript would quietly round it.
  return Number.isSafeInteger(value) ? { value } : { problem: words.tooLarge };
}

function json(typed: string): Read {
  try {
    return { value: JSON.parse(typed) as unknown };
  } catch {
    return { problem: words.noJson };
  }
}

function moment(typed: string): Read {
  const value = fromLocal(typed);
  return Number.isNaN(Date.parse(value)) ? { problem: words.noDate } : { value };
}

/** The value that a field's text says. Nothing typed is no value; where one is required, only a text may be empty. */
export function valueOf({ type, required }: Typed, typed: string): Read {
  if (typed === "" && required && type !== "text") return { problem: words.needed };
  if (typed === "") return { value: required ? "" : null };
  switch (type) {
    case "integer":
      return number(typed, true);
    case "number":
      return number(typed, false);
    case "boolean":
      return { value: typed === "true" };
    case "date":
      return /^\d{4}-\d\d-\d\d$/.test(typed) ? { value: typed } : { problem: words.noDate };
    case "datetime":
      return moment(typed);
    case "json":
      return json(typed);
    default:
      return { value: typed };
  }
}

/** The form of a new record: what the columns have by default. A required yes-or-no is a switch, which is off. */
export function blankOf(columns: readonly DataColumn[]): Draft {
  return Object.fromEntries(
    columns.map((column) => [column.name, draftOf(column.type, column.default) || (column.type === "boolean" && column.required ? "false" : "")]),
  );
}

/** The form of a record that is there. */
export function formOf(columns: readonly DataColumn[], record: TableRecord): Draft {
  return Object.fromEntries(columns.map(({ name, type }) => [name, draftOf(type, record[name])]));
}

export interface Collected {
  values: TableRecord;
  problems: Record<string, string>;
}

/**
 * What the form says. Only fields that differ from `before` count: a moment has more digits than its field, and a large number
 * more than JavaScript, and neither may be changed by being looked at.
 */
export function collect(columns: readonly DataColumn[], draft: Draft, before?: Draft): Collected {
  const values: TableRecord = {};
  const problems: Record<string, string> = {};
  for (const column of columns) {
    const typed = draft[column.name] ?? "";
    if (before !== undefined && typed === (before[column.name] ?? "")) continue;
    // Left empty in a new record is left out, so that the server's default holds.
    if (before === undefined && typed === "" && !(column.required && column.default === null)) continue;
    const read = valueOf(column, typed);
    if ("problem" in read) problems[column.name] = read.problem;
    else values[column.name] = read.value;
  }
  return { values, problems };
}

/** A record in a word or two, for a list to choose from: its first texts. */
export function titleOf(columns: readonly DataColumn[], record: TableRecord): string {
  const texts = columns.filter(({ type }) => type === "text").map(({ name }) => record[name]);
  const said = texts.filter((value): value is string => typeof value === "string" && value !== "").slice(0, 2);
  return said.join(" · ") || String(record.id);
}
