import { t } from "../messages";

/**
 * The moment in microseconds since 1970: the server's clock is finer than `Date`, and a chain of causes takes less than a
 * millisecond. NaN for what is no moment.
 */
export function microsOf(at: string): number {
  const fraction = /\.(\d{1,6})\d*/.exec(at);
  const seconds = Date.parse(at.replace(/\.\d+/, ""));
  return seconds * 1000 + Number((fraction?.[1] ?? "").padEnd(6, "0"));
}

/** How long, in the one or two units that matter. */
export function durationWords(milliseconds: number): string {
  const { ms, s, min, h, d } = t.duration;
  if (milliseconds < 10) return ms(milliseconds.toFixed(milliseconds === 0 ? 0 : 1));
  if (milliseconds < 1_000) return ms(milliseconds.toFixed(0));
  if (milliseconds < 60_000) return s((milliseconds / 1_000).toFixed(1));
  const seconds = Math.floor(milliseconds / 1_000);
  if (seconds < 3_600) return `${min(Math.floor(seconds / 60))} ${s(seconds % 60)}`;
  if (seconds < 86_400) return `${h(Math.floor(seconds / 3_600))} ${min(Math.floor((seconds % 3_600) / 60))}`;
  return `${d(Math.floor(seconds / 86_400))} ${h(Math.floor((seconds % 86_400) / 3_600))}`;
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

export function byteWords(bytes: number): string {
  const power = Math.min(BYTES.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const amount = bytes / 1024 ** power;
  return `${amount.toFixed(power === 0 || amount >= 100 ? 0 : 1)} ${BYTES[power]}`;
}
