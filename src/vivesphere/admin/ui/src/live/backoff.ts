const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/** Milliseconds before the next attempt: doubling, with full jitter on the upper half so that many pages do not come back at once. */
export function delayBefore(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
  return ceiling / 2 + (random() * ceiling) / 2;
}
