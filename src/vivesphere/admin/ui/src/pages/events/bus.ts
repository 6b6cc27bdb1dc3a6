import type { BusOverview, Subscriber } from "../../api/types";
import { t } from "../../messages";

const { troubles: say } = t.events.bus;

/** The state of a listener in one word, the worst first. */
export function stateOf({ blocked, tripped }: Subscriber): "blocked" | "tripped" | "ok" {
  if (blocked !== null) return "blocked";
  return tripped.length > 0 ? "tripped" : "ok";
}

const weight = (one: Subscriber) => Number(stateOf(one) !== "ok") * 8 + Number(one.dead > 0) * 4 + Number(one.dropped > 0) * 2 + Number(one.failed > 0);

/** Those in trouble first, the others by name. */
export function worstFirst(subscribers: readonly Subscriber[]): Subscriber[] {
  return [...subscribers].sort((a, b) => weight(b) - weight(a) || a.name.localeCompare(b.name) || a.principal.localeCompare(b.principal));
}

/** The name by which a durable listener is retried and replayed to. */
export function listenerOf({ name, principal }: Subscriber): string {
  return name.startsWith(`${principal}/`) ? name : `${principal}/${name}`;
}

export function durableIn({ subscribers }: BusOverview): { name: string; dead: number }[] {
  return subscribers
    .filter(({ delivery }) => delivery === "durable")
    .map((one) => ({ name: listenerOf(one), dead: one.dead }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

export function deadIn({ subscribers }: BusOverview): number {
  return subscribers.reduce((sum, { dead }) => sum + dead, 0);
}

/** Sentences about what needs a person; none when the bus is well. */
export function troublesOf({ subscribers, audit, loops_broken, loop }: BusOverview): string[] {
  const found = worstFirst(subscribers).flatMap((one) => [
    one.blocked !== null && say.blocked(one.name, one.blocked),
    one.tripped.length > 0 && say.tripped(one.name, one.tripped.join(", ")),
    one.dead > 0 && say.dead(one.name, one.dead),
    one.dropped > 0 && say.dropped(one.name, one.dropped),
  ]);
  const own = [
    audit.trouble !== null && say.audit(audit.trouble),
    loops_broken > 0 && say.loops(loops_broken),
    loop.blocked > 0 && say.loop(loop.blocked, loop.culprit ?? say.unknown),
  ];
  return [...found, ...own].filter((sentence): sentence is string => sentence !== false);
}

export interface Rates {
  all: number;
  of: Record<string, number>;
}

/** Messages a second between two looks; null when the looks say nothing, as when the server began to count anew. */
export function ratesBetween(before: BusOverview, now: BusOverview, seconds: number): Rates | null {
  if (seconds <= 0 || now.published < before.published) return null;
  const earlier = new Map(before.publishers.map(({ principal, published }) => [principal, published]));
  const perSecond = (more: number) => Math.max(0, more) / seconds;
  return {
    all: perSecond(now.published - before.published),
    of: Object.fromEntries(
      now.publishers.map(({ principal, published }) => [principal, perSecond(published - (earlier.get(principal) ?? 0))]),
    ),
  };
}
