import { Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { recentEventsQuery } from "../../api/events";
import { fromRecord, type LiveEvent } from "../../live/events";
import { useStream } from "../../live/StreamProvider";
import { EMPTY, KEPT, onPage, paused, resumed, withArrivals } from "../../live/tail";
import { t } from "../../messages";
import { EmptyState } from "../../parts/EmptyState";
import { Icon } from "../../parts/Icon";
import { Loaded } from "../../parts/Loaded";
import { EventRow } from "./EventRow";
import { EVERYTHING, matches, patternProblem, widened } from "./pattern";

const FIRST = 100;
const PACE_MS = 100;
const MOST_WAITING = 1_000;

const isNotice = ({ type }: LiveEvent) => type in t.events.missing;

/** What arrives and matches. Events come faster than a page can be drawn: they are taken in ten times a second. */
function useTail(pattern: string) {
  const { state, listen } = useStream();
  const [tail, setTail] = useState(EMPTY);
  const wanted = useRef(pattern);
  wanted.current = pattern;
  useEffect(() => {
    let waiting: LiveEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const take = () => {
      clearTimeout(timer);
      timer = undefined;
      const events = waiting;
      waiting = [];
      setTail((before) => withArrivals(before, events));
    };
    const stop = listen((event) => {
      if (!isNotice(event) && !matches(wanted.current, event.type)) return;
      waiting.push(event);
      // A window out of sight has its timers slowed down to once a minute.
      if (waiting.length >= MOST_WAITING) take();
      else timer ??= setTimeout(take, PACE_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [listen]);
  return { state, tail, setTail };
}

function NoticeRow({ event }: { event: LiveEvent }) {
  return (
    <li className="event event-notice" data-topic={event.type}>
      <Icon name="alert" size={16} />
      {t.events.missing[event.type]?.(event.data)}
    </li>
  );
}

interface ListProps {
  events: LiveEvent[];
  fresh: ReadonlySet<string>;
  pattern: string;
  onPattern: (pattern: string) => void;
  windowed: boolean;
}

function EventList({ events, fresh, pattern, onPattern, windowed }: ListProps) {
  const wider = widened(pattern);
  if (events.length === 0 && pattern !== EVERYTHING) {
    return (
      <EmptyState icon="search" title={t.events.noneMatch(pattern)} hint={t.events.noneMatchHint}>
        {wider && (
          <Button variant="default" size="sm" onClick={() => onPattern(wider)}>
            {t.events.widen(wider)}
          </Button>
        )}
      </EmptyState>
    );
  }
  if (events.length === 0) return <EmptyState icon="pulse" title={t.events.none} hint={t.events.noneHint} />;
  return (
    <ul className={windowed ? "event-list events-window" : "event-list"} aria-label={t.events.title}>
      {events.map((event) =>
        isNotice(event) ? <NoticeRow key={event.id} event={event} /> : <EventRow key={event.id} event={event} fresh={fresh.has(event.id)} />,
      )}
    </ul>
  );
}

/** The field of a topic pattern. What is no pattern is said there, and the list stays as it was. */
function PatternField({ pattern, onPattern }: { pattern: string; onPattern: (pattern: string) => void }) {
  const [typed, setTyped] = useState(pattern === EVERYTHING ? "" : pattern);
  const asked = useRef(pattern);
  useEffect(() => {
    // The pattern came from elsewhere: the back button, or a suggestion.
    if (pattern !== asked.current) setTyped(pattern === EVERYTHING ? "" : pattern);
    asked.current = pattern;
  }, [pattern]);
  const wanted = typed.trim() || EVERYTHING;
  const problem = patternProblem(wanted);
  useEffect(() => {
    if (problem !== null || wanted === asked.current) return;
    const timer = setTimeout(() => {
      asked.current = wanted;
      onPattern(wanted);
    }, 250);
    return () => clearTimeout(timer);
  }, [wanted, problem, onPattern]);
  return (
    <TextInput
      p="md"
      aria-label={t.events.filter}
      placeholder={t.events.filterHint}
      leftSection={<Icon name="search" size={16} />}
      value={typed}
      error={problem}
      onChange={(event) => setTyped(event.currentTarget.value)}
      spellCheck={false}
      autoCapitalize="none"
    />
  );
}

interface Props {
  /** What the address or the field says; what is no pattern is shown in the field and not asked for. */
  pattern: string;
  onPattern: (pattern: string) => void;
  /** Whether the list scrolls within itself, beside other things of a page. */
  windowed?: boolean;
  actions?: ReactNode;
}

/** The newest events: those of the log at first, then every one that arrives. A pause holds arrivals back and counts them. */
export function LiveTail({ pattern: given, onPattern, windowed = false, actions }: Props) {
  const pattern = patternProblem(given) === null ? given : EVERYTHING;
  const recent = useQuery(recentEventsQuery(pattern, FIRST));
  const { state, tail, setTail } = useTail(pattern);
  const isPaused = tail.pausedAt !== null;
  const fresh = new Set(tail.arrived.map(({ id }) => id));
  const shown = onPage(tail, (recent.data ?? []).map(fromRecord), (event) => isNotice(event) || matches(pattern, event.type));
  const toggle = () => setTail(isPaused ? resumed(tail) : paused(tail, shown[0]?.at));
  return (
    <Stack component="section" gap="sm" aria-labelledby="events-title">
      <Group justify="space-between">
        <Group gap="sm">
          <Title order={2} id="events-title" className="section-title">
            {t.events.title}
          </Title>
          <Text size="xs" c="dimmed" role="status" component="span">
            <Group gap={6} component="span">
              <span
                className="dot"
                data-pulse={state !== "open"}
                style={{ color: `var(--mantine-color-${state === "open" ? "vive" : "amber"}-6)` }}
              />
              {isPaused && tail.heldCount > 0 ? t.events.held(tail.heldCount) : t.stream[state]}
            </Group>
          </Text>
        </Group>
        <Group gap="xs">
          {actions}
          <Button
            size="compact-sm"
            variant={isPaused ? "filled" : "default"}
            leftSection={<Icon name={isPaused ? "play" : "pause"} size={14} />}
            onClick={toggle}
          >
            {isPaused ? t.events.resume : t.events.pause}
          </Button>
        </Group>
      </Group>
      <div className="surface" style={{ overflow: "hidden" }}>
        <PatternField pattern={given} onPattern={onPattern} />
        <Loaded query={recent} skeleton={{ height: 56, rows: 6 }}>
          {() => <EventList events={shown} fresh={fresh} pattern={pattern} onPattern={onPattern} windowed={windowed} />}
        </Loaded>
        {shown.length >= KEPT && (
          <Text size="sm" c="dimmed" p="md" ta="center">
            {t.events.newest(KEPT)}
          </Text>
        )}
      </div>
    </Stack>
  );
}
