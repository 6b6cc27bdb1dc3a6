import { useEffect, useState } from "react";

import { language } from "../messages";

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function ago(at: Date, now: number): string {
  const seconds = (at.getTime() - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(0, "second");
}

const stamp = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const FORMATS = { clock, stamp, exact };

interface Props {
  at: string;
  /** The time of day, with day and month, with the year, too; or how far it is from now. */
  style?: "ago" | keyof typeof FORMATS;
}

/** A moment. The tooltip is always exact. */
export function When({ at, style = "ago" }: Props) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (style !== "ago") return;
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, [style]);
  const moment = new Date(at);
  return (
    <time dateTime={at} title={exact.format(moment)} style={{ whiteSpace: style === "exact" ? "normal" : "nowrap", fontVariantNumeric: "tabular-nums" }}>
      {style === "ago" ? ago(moment, now) : FORMATS[style].format(moment)}
    </time>
  );
}
