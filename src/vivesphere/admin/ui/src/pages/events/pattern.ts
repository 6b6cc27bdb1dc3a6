import { t } from "../../messages";

const MAX_TOKENS = 16;
const MAX_BYTES = 255;
const TOKEN = /^[a-z0-9_-]+$/;

export const EVERYTHING = ">";

/** What is wrong with a topic pattern by the rules of NATS subjects, as a sentence for its field; null when nothing is. */
export function patternProblem(pattern: string): string | null {
  if (pattern === "") return t.events.pattern.empty;
  if (new TextEncoder().encode(pattern).length > MAX_BYTES) return t.events.pattern.tooLong(MAX_BYTES);
  const tokens = pattern.split(".");
  if (tokens.length > MAX_TOKENS) return t.events.pattern.tooMany(MAX_TOKENS);
  for (const [place, token] of tokens.entries()) {
    if (token === "*" || (token === ">" && place === tokens.length - 1) || TOKEN.test(token)) continue;
    if (token === "") return t.events.pattern.hole;
    if (token === ">") return t.events.pattern.notLast;
    return t.events.pattern.token(token);
  }
  return null;
}

/** Whether the pattern names the topic: `*` is exactly one token, `>` one or more at the end. Both are valid. */
export function matches(pattern: string, topic: string): boolean {
  const wanted = pattern.split(".");
  const given = topic.split(".");
  const rest = wanted.at(-1) === ">";
  if (rest ? given.length < wanted.length : given.length !== wanted.length) return false;
  const fixed = rest ? wanted.slice(0, -1) : wanted;
  return fixed.every((token, place) => token === "*" || token === given[place]);
}

/** The pattern that a person most likely meant who typed a beginning of topics and found nothing: `bots` is `bots.>`. */
export function widened(pattern: string): string | null {
  if (pattern.includes("*") || pattern.endsWith(">")) return null;
  return patternProblem(`${pattern}.>`) === null ? `${pattern}.>` : null;
}
