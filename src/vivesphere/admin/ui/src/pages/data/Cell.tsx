import { Text } from "@mantine/core";

import { language, t } from "../../messages";

const { records: words } = t.data;
const LONGEST = 300;
const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 20 });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

/** A value in words, for what has no room for more. */
export function shown(type: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value === "number" && type !== "reference") return plain.format(value);
  if (type === "datetime") return moment.format(new Date(String(value)));
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A value in a grid. */
export function Cell({ type, value }: { type: string; value: unknown }) {
  if (value === null || value === undefined) {
    return (
      <Text component="span" c="dimmed" size="sm" title={words.noValue} aria-label={words.noValue} role="img">
        –
      </Text>
    );
  }
  const text = shown(type, value);
  if (type === "datetime") return <time dateTime={String(value)}>{text}</time>;
  if (type === "reference" || type === "id") return <code title={text}>…{text.slice(-12)}</code>;
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return type === "json" ? <code>{short}</code> : short;
}
