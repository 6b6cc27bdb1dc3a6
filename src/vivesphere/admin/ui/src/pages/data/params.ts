import type { SqlInput } from "../../api/types";

/** The values of a statement: a list for `?`, an object for `:name`, nothing typed for none. Null for what is neither. */
export function paramsFrom(typed: string): NonNullable<SqlInput["params"]> | null {
  if (typed.trim() === "") return [];
  try {
    const value: unknown = JSON.parse(typed);
    // What stands in it the server looks at: it says which of them is no value that SQL knows.
    return typeof value === "object" && value !== null ? (value as NonNullable<SqlInput["params"]>) : null;
  } catch {
    return null;
  }
}
