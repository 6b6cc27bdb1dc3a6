import { t } from "../messages";

/** An RFC 9457 problem, or the nearest thing to it when the server could not be reached at all (`status` 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly fields: readonly string[] = [],
    /** What is wrong at which place of what was sent, by JSON pointer. */
    readonly places: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.name = "Problem";
  }
}

function fieldSentences(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((entry: unknown) => {
    if (typeof entry === "string") return [entry];
    if (typeof entry !== "object" || entry === null) return [];
    const { field, key, path, detail, message } = entry as Record<string, unknown>;
    const said = detail ?? message;
    const where = field ?? path ?? key;
    return typeof said === "string" ? [typeof where === "string" && where ? `${where}: ${said}` : said] : [];
  });
}

function placesOf(errors: unknown): Record<string, string> {
  if (!Array.isArray(errors)) return {};
  const placed = errors.flatMap((entry: unknown) => {
    const { pointer, detail } = (entry ?? {}) as Record<string, unknown>;
    return typeof pointer === "string" && typeof detail === "string" ? [[pointer, detail] as const] : [];
  });
  return Object.fromEntries(placed);
}

/** The problem that a response's body describes; a body that describes none gives a sentence by its status. */
export function problemFrom(status: number, body: unknown): Problem {
  const { detail, title, errors } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const sentence = [detail, title].find((text): text is string => typeof text === "string" && text !== "");
  return new Problem(status, sentence ?? t.problems.byStatus(status), fieldSentences(errors), placesOf(errors));
}

/** What a person is told about anything that was thrown. */
export function sentenceOf(thrown: unknown): string {
  // Many a detail has the first of the field's sentences in it already.
  if (thrown instanceof Problem) return [thrown.message, ...thrown.fields.filter((said) => !thrown.message.includes(said))].join(" ");
  // fetch reports every network failure as a TypeError, in words that differ from browser to browser.
  if (thrown instanceof TypeError) return t.problems.unreachable;
  return thrown instanceof Error ? thrown.message : String(thrown);
}
