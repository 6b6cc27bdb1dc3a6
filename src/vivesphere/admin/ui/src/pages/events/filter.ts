import type { EventFilter } from "../../api/events";
import { t } from "../../messages";
import { patternProblem } from "./pattern";

export const FIELDS = ["topic", "category", "source", "correlation_id", "since", "until"] as const satisfies (keyof EventFilter)[];

/** The filter in an address. What is empty or no text is left out, so that one filter has one address. */
export function filterFrom(search: Record<string, unknown>): EventFilter {
  const given = FIELDS.flatMap((field) => {
    const value = search[field];
    const text = typeof value === "string" ? value.trim() : "";
    return text === "" ? [] : [[field, text] as const];
  });
  return Object.fromEntries(given);
}

/** What is wrong with it, by field; empty when the server can be asked. */
export function filterProblems({ topic, category, since, until }: EventFilter): Partial<Record<keyof EventFilter, string>> {
  const moment = (value?: string) => (value !== undefined && Number.isNaN(Date.parse(value)) ? t.events.history.noTime : null);
  const backwards = since && until && Date.parse(since) >= Date.parse(until) ? t.events.history.backwards : null;
  const found = {
    topic: topic === undefined ? null : patternProblem(topic),
    category: category === undefined || /^[a-z0-9_-]+$/.test(category) ? null : t.events.history.noCategory,
    since: moment(since),
    until: moment(until) ?? backwards,
  };
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== null)) as Partial<Record<keyof EventFilter, string>>;
}

/** What an `<input type="datetime-local">` shows for a moment: the time on this machine's wall, to the second. */
export function toLocal(iso: string | undefined): string {
  if (iso === undefined || Number.isNaN(Date.parse(iso))) return "";
  const at = new Date(iso);
  const pad = (n: number, width = 2) => String(n).padStart(width, "0");
  const day = `${pad(at.getFullYear(), 4)}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** The moment that such an input says, in UTC; what is no moment stays as it is, to be refused at its field. */
export function fromLocal(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}

/** The filter in a line for a person, such as `plans.> · from module:plans`. */
export function filterWords(filter: EventFilter): string {
  const words = FIELDS.flatMap((field) => {
    const value = filter[field];
    return value === undefined ? [] : [t.events.history.part[field](field === "since" || field === "until" ? toLocal(value).replace("T", " ") : value)];
  });
  return words.join(" · ") || t.events.history.everything;
}
