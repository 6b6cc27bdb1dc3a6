import type { Format } from "../../api/data";
import type { ImportReport } from "../../api/types";

export type Refused = ImportReport["refused"][number];

/** A name for one import, by which the server knows it again. `crypto.randomUUID` is not there on a page without TLS. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const ENDINGS: Record<string, Format> = { csv: "csv", json: "json", jsonl: "jsonl", ndjson: "jsonl" };

/** The format that a file's name tells; null for a name that tells none. */
export function formatOf(name: string): Format | null {
  return ENDINGS[name.toLowerCase().split(".").at(-1) ?? ""] ?? null;
}
