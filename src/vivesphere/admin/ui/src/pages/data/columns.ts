import type { ColumnInput, ColumnType, DataColumn, DataTable, TableChange } from "../../api/types";
import { t } from "../../messages";
import { draftOf, valueOf } from "./values";

const { form: words } = t.data;

export const TYPES = ["text", "integer", "number", "boolean", "date", "datetime", "json", "reference"] as const satisfies readonly ColumnType[];

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

export const isName = (name: string): boolean => NAME.test(name);

/** One column of the form. `was` is its name in the table, of a column that is there; `gone` if it is to be dropped. */
export interface ColumnDraft {
  key: number;
  was?: string;
  gone: boolean;
  name: string;
  type: ColumnType;
  required: boolean;
  unique: boolean;
  default: string;
  references: string;
}

export function blankColumn(key: number): ColumnDraft {
  return { key, gone: false, name: "", type: "text", required: false, unique: false, default: "", references: "" };
}

export function columnsOf(table: DataTable): ColumnDraft[] {
  return table.columns.map((column, key) => ({
    key,
    was: column.name,
    gone: false,
    name: column.name,
    type: column.type as ColumnType,
    required: column.required,
    unique: column.unique,
    default: draftOf(column.type, column.default),
    references: column.references ?? "",
  }));
}

/** Whether a column of this kind can have a default: two records would share one that must not be shared. */
export const mayDefault = ({ type, unique }: Pick<ColumnDraft, "type" | "unique">): boolean => !unique && type !== "reference";

function inputOf(draft: ColumnDraft): ColumnInput {
  const value = valueOf({ type: draft.type, required: false }, mayDefault(draft) ? draft.default : "");
  return {
    name: draft.name,
    type: draft.type,
    required: draft.required,
    unique: draft.unique && draft.type !== "json",
    default: ("value" in value ? value.value : null) as ColumnInput["default"],
    references: draft.type === "reference" ? draft.references : null,
  };
}

/** What is wrong, by `<key>/<field>`; `columns` for the form as a whole. */
export function faultsOf(drafts: readonly ColumnDraft[]): Record<string, string> {
  const kept = drafts.filter(({ gone }) => !gone);
  const found: Record<string, string> = kept.length === 0 ? { columns: words.someColumn } : {};
  for (const draft of kept) {
    if (!isName(draft.name)) found[`${draft.key}/name`] = words.badName;
    else if (kept.some((other) => other !== draft && other.name === draft.name)) found[`${draft.key}/name`] = words.twice;
    if (draft.was !== undefined) continue;
    if (draft.type === "reference" && draft.references === "") found[`${draft.key}/references`] = words.noTable;
    const value = valueOf({ type: draft.type, required: false }, mayDefault(draft) ? draft.default : "");
    if ("problem" in value) found[`${draft.key}/default`] = value.problem;
  }
  return found;
}

/** The new columns, in the order of the form; and at which place of what is sent each of them stands. */
export function added(drafts: readonly ColumnDraft[]): { inputs: ColumnInput[]; keys: number[] } {
  const fresh = drafts.filter(({ was, gone }) => was === undefined && !gone);
  return { inputs: fresh.map(inputOf), keys: fresh.map(({ key }) => key) };
}

/** The server's findings, which name places of what was sent, as faults of the form. */
export function placed(places: Readonly<Record<string, string>>, keys: readonly number[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [pointer, detail] of Object.entries(places)) {
    const [, list, number, field] = pointer.split("/");
    const key = (list === "columns" || list === "add_columns") && number !== undefined ? keys[Number(number)] : undefined;
    found[key === undefined ? (list ?? "") : `${key}/${field ?? "name"}`] = detail;
  }
  return found;
}

export interface IndexDraft {
  key: number;
  columns: string;
  unique: boolean;
}

export function indexInputs(drafts: readonly IndexDraft[]): { columns: string[]; unique: boolean }[] {
  return drafts
    .map(({ columns, unique }) => ({ columns: columns.split(",").map((name) => name.trim()).filter(Boolean), unique }))
    .filter(({ columns }) => columns.length > 0);
}

/** What the form changes of the table; empty parts are left out. */
export function changeOf(
  table: DataTable,
  form: { description: string; columns: readonly ColumnDraft[]; dropIndexes: readonly string[]; indexes: readonly IndexDraft[] },
): TableChange {
  const there = form.columns.filter(({ was }) => was !== undefined);
  const renamed = there.filter(({ was, name, gone }) => !gone && name !== was).map(({ was, name }) => [was, name] as const);
  const parts: TableChange = {
    description: form.description === table.description ? undefined : form.description,
    drop_columns: there.filter(({ gone }) => gone).map(({ was }) => was ?? ""),
    rename_columns: Object.fromEntries(renamed) as Record<string, string>,
    add_columns: added(form.columns).inputs,
    drop_indexes: [...form.dropIndexes],
    add_indexes: indexInputs(form.indexes),
  };
  const said = Object.entries(parts).filter(([, part]) => typeof part === "string" || (part !== undefined && Object.keys(part as object).length > 0));
  return Object.fromEntries(said) as TableChange;
}

/** What a column may and must be, in words. */
export function rulesOf(column: DataColumn): string[] {
  const { table } = t.data;
  return [
    column.required && table.required,
    column.unique && table.unique,
    column.default !== null && table.defaultIs(typeof column.default === "string" ? column.default : JSON.stringify(column.default)),
  ].filter((rule): rule is string => typeof rule === "string");
}
