import type { Wanted } from "../../api/data";

const FIELDS = ["filter", "sort", "search"] as const satisfies readonly (keyof Wanted)[];

/** The part of an address that says which records, in which order. What is empty or no text is left out. */
export function wantedFrom(search: Record<string, unknown>): Wanted {
  return Object.fromEntries(
    FIELDS.flatMap((field) => {
      const value = search[field];
      return typeof value === "string" && value.trim() !== "" ? [[field, value] as const] : [];
    }),
  );
}
