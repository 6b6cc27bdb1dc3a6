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

/** A moment: `clock` shows the time of day, otherwise how far it is from now. The exact moment is in the tooltip. */
export function When({ at, style = "ago" }: { at: string; style?: "ago" | "clock" }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (style === "clock") return;
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, [style]);
  const moment = new Date(at);
  return (
    <time dateTime={at} title={exact.format(moment)} style={{ whiteSpace: "nowrap", fontVariantNumeric: "tabular-nums" }}>
      {style === "clock" ? clock.format(moment) : ago(moment, now)}
    </time>
  );
}
