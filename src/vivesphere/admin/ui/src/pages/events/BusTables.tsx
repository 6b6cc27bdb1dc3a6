import { Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import type { Publisher, Responder, Subscriber } from "../../api/types";
import { language, t } from "../../messages";
import { Figures, type Column } from "../../parts/Figures";
import { State } from "../../parts/State";
import { principalWords } from "./principal";
import { listenerOf, stateOf, worstFirst, type Rates } from "./bus";

const { bus: words } = t.events;
const plain = new Intl.NumberFormat(language);
const oneDigit = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

const WORDS = { ok: words.ok, tripped: words.tripped, blocked: words.blocked };
const SHOWN_PATTERNS = 3;

/** A number that is bad news unless it is none. */
function Bad({ n }: { n: number }) {
  return n === 0 ? "0" : <strong className="bad">{plain.format(n)}</strong>;
}

function Subject({ name, note }: { name: string; note: string }) {
  return (
    <>
      <span className="figure-name">{name}</span>
      <Text size="xs" c="dimmed" fw={400} component="span" display="block" style={{ overflowWrap: "anywhere" }}>
        {note}
      </Text>
    </>
  );
}

function hears({ patterns, principal, delivery, lanes, name }: Subscriber): string {
  const shown = patterns.slice(0, SHOWN_PATTERNS).join(", ");
  const rest = patterns.length > SHOWN_PATTERNS ? ` ${words.more(patterns.length - SHOWN_PATTERNS)}` : "";
  const how = [delivery === "durable" ? words.durable : words.live, lanes > 1 && words.lanes(lanes)].filter(Boolean).join(", ");
  return [name.startsWith(principal) ? "" : principalWords(principal), how, `${shown}${rest}`].filter(Boolean).join(" · ");
}

const SUBSCRIBERS: readonly Column<Subscriber>[] = [
  { label: words.name, cell: (one) => <Subject name={one.name} note={hears(one)} /> },
  {
    label: words.state,
    cell: (one) => (
      <span title={one.blocked ?? one.tripped.join(", ")}>
        <State state={stateOf(one)} words={WORDS} />
      </span>
    ),
  },
  {
    label: words.waiting,
    numeric: true,
    cell: ({ waiting, capacity }) => (capacity === null ? plain.format(waiting) : words.of(plain.format(waiting), plain.format(capacity))),
  },
  { label: words.handled, numeric: true, cell: ({ handled }) => plain.format(handled) },
  { label: words.failed, numeric: true, cell: ({ failed }) => <Bad n={failed} /> },
  { label: words.dropped, numeric: true, cell: ({ dropped }) => <Bad n={dropped} /> },
  { label: words.cut, numeric: true, cell: ({ cut }) => <Bad n={cut} /> },
  {
    label: words.dead,
    numeric: true,
    cell: (one) =>
      one.dead === 0 ? (
        "0"
      ) : (
        <Link to="/events/dead-letters" search={{ listener: listenerOf(one) }} className="bad quiet-link">
          {plain.format(one.dead)}
        </Link>
      ),
  },
  { label: words.lag, numeric: true, cell: ({ lag }) => (lag === null ? "–" : plain.format(lag)) },
];

const RESPONDERS: readonly Column<Responder>[] = [
  { label: words.topic, cell: ({ topic, principal }) => <Subject name={topic} note={principal} /> },
  { label: words.running, numeric: true, cell: ({ running, limit }) => words.of(plain.format(running), plain.format(limit)) },
  { label: words.waiting, numeric: true, cell: ({ waiting }) => plain.format(waiting) },
  { label: words.answered, numeric: true, cell: ({ answered }) => plain.format(answered) },
];

export function Subscribers({ subscribers }: { subscribers: readonly Subscriber[] }) {
  // Two connections of one page have the same name; their order is the server's and stays.
  const keys = new Map(subscribers.map((one, place) => [one, `${one.principal}/${one.name}/${place}`]));
  return <Figures labelledBy="subscribers" columns={SUBSCRIBERS} rows={worstFirst(subscribers)} keyOf={(one) => keys.get(one) ?? one.name} />;
}

export function Publishers({ publishers, rates }: { publishers: readonly Publisher[]; rates: Rates | null }) {
  const columns: readonly Column<Publisher>[] = [
    { label: words.principal, cell: ({ principal }) => <span className="figure-name">{principal}</span> },
    { label: words.published, numeric: true, cell: ({ published }) => plain.format(published) },
    {
      label: words.rate,
      numeric: true,
      cell: ({ principal }) => (rates ? words.perSecondPlain(oneDigit.format(rates.of[principal] ?? 0)) : "–"),
    },
    { label: words.refused, numeric: true, cell: ({ refused }) => <Bad n={refused} /> },
    {
      label: words.limit,
      numeric: true,
      cell: ({ rate, burst }) => (Number.isFinite(rate) && rate > 0 ? words.limitOf(plain.format(rate), plain.format(burst)) : words.unlimited),
    },
  ];
  const busiest = [...publishers].sort((a, b) => b.published - a.published);
  return <Figures labelledBy="publishers" columns={columns} rows={busiest} keyOf={({ principal }) => principal} />;
}

export function Responders({ responders }: { responders: readonly Responder[] }) {
  return <Figures labelledBy="responders" columns={RESPONDERS} rows={responders} keyOf={({ topic }) => topic} />;
}
