const plural = new Intl.PluralRules("en");

/** `3 lines`, `1 line`. */
export function count(n: number, one: string, other: string): string {
  return `${n.toLocaleString("en")} ${plural.select(n) === "one" ? one : other}`;
}
