import type { Json } from "../api/types";
import { t } from "../messages";

/** One field of a form, as a JSON Schema's property describes it. */
export interface Field {
  name: string;
  label: string;
  description: string;
  kind: "text" | "number" | "integer" | "switch" | "choice" | "lines" | "json";
  choices: string[];
  required: boolean;
  initial: unknown;
}

/** What is typed so far, by field: text for every kind but the switch. */
export type Draft = Record<string, string | boolean>;

type Schema = Record<string, unknown>;

function typesOf(schema: Schema): string[] {
  const type = schema.type;
  if (typeof type === "string") return [type];
  if (Array.isArray(type)) return type.filter((one): one is string => typeof one === "string" && one !== "null");
  const parts = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  return parts ? parts.flatMap(typesOf).filter((one) => one !== "null") : [];
}

function kindOf(schema: Schema): Field["kind"] {
  if (Array.isArray(schema.enum) && schema.enum.every((one) => typeof one === "string")) return "choice";
  const types = typesOf(schema);
  if (types.length !== 1) return "json";
  const items = schema.items as Schema | undefined;
  if (types[0] === "array" && items && typesOf(items)[0] === "string") return "lines";
  const kinds: Record<string, Field["kind"]> = { string: "text", number: "number", integer: "integer", boolean: "switch" };
  return kinds[types[0] ?? ""] ?? "json";
}

/** The fields of a schema of type `object`, required ones first. */
export function fieldsOf(schema: unknown): Field[] {
  const { properties, required } = (schema ?? {}) as { properties?: Record<string, Schema>; required?: string[] };
  const needed = new Set(required ?? []);
  return Object.entries(properties ?? {})
    .map(([name, property]) => ({
      name,
      label: typeof property.title === "string" ? property.title : name,
      description: typeof property.description === "string" ? property.description : "",
      kind: kindOf(property),
      choices: (property.enum as string[] | undefined) ?? [],
      required: needed.has(name),
      initial: property.default,
    }))
    .sort((a, b) => Number(b.required) - Number(a.required));
}

function shown(field: Field, value: unknown): string | boolean {
  if (field.kind === "switch") return value === true;
  if (value === undefined || value === null) return field.kind === "choice" && field.required ? (field.choices[0] ?? "") : "";
  if (field.kind === "lines" && Array.isArray(value)) return value.join("\n");
  return typeof value === "string" && field.kind !== "json" ? value : JSON.stringify(value, null, 2);
}

/** The form before anybody typed: defaults, or nothing. */
export function blank(fields: readonly Field[]): Draft {
  return Object.fromEntries(fields.map((field) => [field.name, shown(field, field.initial)]));
}

/** The form that shows these arguments. */
export function draftOf(fields: readonly Field[], values: Record<string, unknown>): Draft {
  return Object.fromEntries(fields.map((field) => [field.name, shown(field, values[field.name] ?? field.initial)]));
}

function parsed(field: Field, typed: string): { value: Json } | { problem: string } {
  if (field.kind === "lines") return { value: typed.split("\n").map((line) => line.trim()).filter(Boolean) };
  if (field.kind === "json") {
    try {
      return { value: JSON.parse(typed) as Json };
    } catch {
      return { problem: t.tools.invalidJson };
    }
  }
  if (field.kind !== "number" && field.kind !== "integer") return { value: typed };
  const number = Number(typed);
  const fits = Number.isFinite(number) && (field.kind === "number" || Number.isInteger(number));
  return fits ? { value: number } : { problem: t.tools.invalidNumber };
}

/** The arguments that the form says; an optional field left empty is left out, so that the server's default holds. */
export function collect(fields: readonly Field[], draft: Draft): { values: Record<string, Json>; problems: Record<string, string> } {
  const values: Record<string, Json> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const typed = draft[field.name] ?? "";
    if (typeof typed === "boolean") {
      values[field.name] = typed;
    } else if (typed.trim() === "" && field.kind !== "text") {
      if (field.required && field.kind !== "lines") problems[field.name] = t.tools.required;
      else if (field.kind === "lines") values[field.name] = [];
    } else if (typed !== "" || field.required) {
      const result = parsed(field, typed);
      if ("problem" in result) problems[field.name] = result.problem;
      else values[field.name] = result.value;
    }
  }
  return { values, problems };
}
