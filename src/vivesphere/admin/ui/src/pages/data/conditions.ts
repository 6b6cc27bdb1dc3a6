import type { DataColumn } from "../../api/types";
import { draftOf, valueOf } from "./values";

/** One line of the filter form. `value` is what is typed: for `$in` and `$nin` parts with commas between. */
export interface Condition {
  column: string;
  operator: string;
  value: string;
}

export interface Filter {
  match: "all" | "any";
  conditions: Condition[];
}

export const NO_FILTER: Filter = { match: "all", conditions: [] };

type Field = Pick<DataColumn, "name" | "type">;

/** What every table has beside its own columns. */
export const OF_EVERY_TABLE: readonly Field[] = [
  { name: "created_at", type: "datetime" },
  { name: "updated_at", type: "datetime" },
  { name: "id", type: "id" },
  { name: "version", type: "integer" },
];

const COMPARED = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"];
const ABSENCE = ["empty", "filled"];
const OPERATORS: Record<string, readonly string[]> = {
  text: ["contains", "$eq", "$ne", "begins", "$in", "$nin", ...ABSENCE],
  integer: [...COMPARED, "$in", "$nin", ...ABSENCE],
  number: [...COMPARED, ...ABSENCE],
  boolean: ["yes", "no", ...ABSENCE],
  date: [...COMPARED, ...ABSENCE],
  datetime: ["$gte", "$gt", "$lt", "$lte", ...ABSENCE],
  json: ABSENCE,
  reference: ["$eq", "$ne", ...ABSENCE],
  id: ["$eq", "$in"],
};

export const operatorsFor = (type: string): readonly string[] => OPERATORS[type] ?? ABSENCE;

const WITHOUT_VALUE = new Set([...ABSENCE, "yes", "no"]);
export const needsValue = (operator: string): boolean => !WITHOUT_VALUE.has(operator);

const escaped = (text: string) => text.replace(/[\\%_]/g, "\\$&");

/** Undoes `escaped`; null for a pattern that is more than the text in it. */
function plain(pattern: string): string | null {
  return /(^|[^\\])(\\\\)*[%_]/.test(pattern) ? null : pattern.replace(/\\(.)/g, "$1");
}

function wantedOf(field: Field, operator: string, typed: string): { wanted: unknown } | { problem: string } {
  const required = true;
  if (operator !== "$in" && operator !== "$nin") {
    const read = valueOf({ type: field.type, required }, typed);
    return "problem" in read ? read : { wanted: read.value };
  }
  const read = typed.split(",").map((part) => valueOf({ type: field.type, required }, part.trim()));
  const wrong = read.find((one) => "problem" in one);
  return wrong && "problem" in wrong ? wrong : { wanted: read.map((one) => ("value" in one ? one.value : null)) };
}

function partOf(field: Field, { operator, value }: Condition): { part: unknown } | { problem: string } {
  const fixed: Record<string, unknown> = { empty: { $exists: false }, filled: { $exists: true }, yes: true, no: false };
  if (operator in fixed) return { part: { [field.name]: fixed[operator] } };
  if (operator === "contains") return { part: { [field.name]: { $ilike: `%${escaped(value)}%` } } };
  if (operator === "begins") return { part: { [field.name]: { $ilike: `${escaped(value)}%` } } };
  const read = wantedOf(field, operator, value);
  return "problem" in read ? read : { part: { [field.name]: { [operator]: read.wanted } } };
}

/** The filter as the server reads it, undefined for none; or what is wrong, by the place of the condition. */
export function written(fields: readonly Field[], filter: Filter): { json?: string; problems: Record<number, string> } {
  const problems: Record<number, string> = {};
  const parts = filter.conditions.flatMap((condition, place) => {
    const field = fields.find(({ name }) => name === condition.column);
    if (field === undefined) return [];
    const made = partOf(field, condition);
    if ("part" in made) return [made.part];
    problems[place] = made.problem;
    return [];
  });
  if (parts.length === 0) return { problems };
  return { json: JSON.stringify({ [filter.match === "all" ? "$and" : "$or"]: parts }), problems };
}

function likeOf(column: string, pattern: unknown): Condition | null {
  if (typeof pattern !== "string" || !pattern.endsWith("%") || pattern.length < 2) return null;
  const anywhere = pattern.startsWith("%");
  const value = plain(pattern.slice(anywhere ? 1 : 0, -1));
  return value === null ? null : { column, operator: anywhere ? "contains" : "begins", value };
}

function conditionOf(fields: readonly Field[], part: unknown): Condition | null {
  const members = typeof part === "object" && part !== null ? Object.entries(part) : [];
  const [column, wanted] = members[0] ?? [];
  const field = fields.find(({ name }) => name === column);
  if (members.length !== 1 || column === undefined || field === undefined) return null;
  if (typeof wanted === "boolean" && field.type === "boolean") return { column, operator: wanted ? "yes" : "no", value: "" };
  const held = typeof wanted === "object" && wanted !== null ? Object.entries(wanted) : [];
  const [operator, value] = held[0] ?? [];
  if (held.length !== 1 || operator === undefined) return null;
  if (operator === "$exists") return { column, operator: value === true ? "filled" : "empty", value: "" };
  if (operator === "$ilike") return likeOf(column, value);
  if (!operatorsFor(field.type).includes(operator)) return null;
  if (Array.isArray(value)) return { column, operator, value: value.map((one) => draftOf(field.type, one)).join(", ") };
  return { column, operator, value: draftOf(field.type, value) };
}

/** The form of a filter in an address; null for one that says more than the form can. */
export function readBack(fields: readonly Field[], json: string | undefined): Filter | null {
  if (json === undefined) return NO_FILTER;
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return null;
  }
  const [[joined, parts] = []] = typeof document === "object" && document !== null ? Object.entries(document) : [];
  if ((joined !== "$and" && joined !== "$or") || !Array.isArray(parts)) return null;
  const conditions = parts.map((part) => conditionOf(fields, part));
  const filter: Filter = { match: joined === "$and" ? "all" : "any", conditions: conditions.filter((one) => one !== null) };
  // What comes back must say the same: nobody may be shown a filter that is not the one in force.
  return conditions.length === filter.conditions.length && written(fields, filter).json === JSON.stringify(document) ? filter : null;
}

/** The order after a click on a column: up, then down, then as it was without. */
export function sortedBy(sort: string | undefined, column: string): string | undefined {
  if (sort === column) return `-${column}`;
  return sort === `-${column}` ? undefined : column;
}
