import { Button, Collapse, Group, Stack, Text, TextInput, Title, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";

import { recentEventsQuery } from "../../api/queries";
import { fromRecord, merged, type LiveEvent } from "../../live/events";
import { useStream } from "../../live/StreamProvider";
import { t } from "../../messages";
import { EmptyState } from "../../parts/EmptyState";
import { Icon } from "../../parts/Icon";
import { JsonBlock } from "../../parts/JsonBlock";
import { Loaded } from "../../parts/Loaded";
import { When } from "../../parts/When";

const KEPT = 100;

function lineOf(event: LiveEvent): string {
  return t.events.lines[event.type]?.(event.data) ?? "";
}

function EventRow({ event, fresh }: { event: LiveEvent; fresh: boolean }) {
  const [opened, setOpened] = useState(false);
  const details = useId();
  return (
    <li className="event" data-fresh={fresh} data-topic={event.type}>
      <UnstyledButton className="event-head" onClick={() => setOpened(!opened)} aria-expanded={opened} aria-controls={details}>
        <Text span size="xs" c="dimmed">
          <When at={event.at} style="clock" />
        </Text>
        <span className="event-topic">{event.type}</span>
        <span style={{ color: "var(--mantine-color-dimmed)", transform: opened ? "rotate(90deg)" : undefined }}>
          <Icon name="right" size={14} />
        </span>
        {lineOf(event) && <span className="event-line">{lineOf(event)}</span>}
      </UnstyledButton>
      <Collapse expanded={opened} id={details}>
        <div style={{ padding: "0 20px 14px" }}>{opened && <JsonBlock value={event.data} label={t.events.details(event.type)} />}</div>
      </Collapse>
    </li>
  );
}

/** The newest events: those of the log at first, then every one that arrives. While paused, arrivals are counted and held back. */
function useLiveEvents(paused: boolean) {
  const stream = useStream();
  const [arrived, setArrived] = useState<LiveEvent[]>([]);
  const [held, setHeld] = useState<LiveEvent[]>([]);
  const hold = useRef(paused);
  hold.current = paused;
  useEffect(
    () =>
      stream.listen((event) => {
        const keep = hold.current ? setHeld : setArrived;
        keep((before) => [event, ...before].slice(0, KEPT));
      }),
    [stream],
  );
  const release = () => {
    setArrived((before) => merged(held, before, KEPT));
    setHeld([]);
  };
  return { state: stream.state, arrived, held: held.length, release };
}

function EventList({ events, arrived, filtered }: { events: LiveEvent[]; arrived: LiveEvent[]; filtered: boolean }) {
  const fresh = new Set(arrived.map(({ id }) => id));
  if (events.length === 0 && filtered) {
    return (
      <Text c="dimmed" size="sm" p="lg" pt="xs">
        {t.events.noneMatch}
      </Text>
    );
  }
  if (events.length === 0) return <EmptyState icon="pulse" title={t.events.none} hint={t.events.noneHint} />;
  return (
    <ul className="event-list events-window" aria-label={t.events.title}>
      {events.map((event) => (
        <EventRow key={event.id} event={event} fresh={fresh.has(event.id)} />
      ))}
    </ul>
  );
}

export function LiveEvents() {
  const [paused, setPaused] = useState(false);
  const [filter, setFilter] = useState("");
  const recent = useQuery(recentEventsQuery);
  const { state, arrived, held, release } = useLiveEvents(paused);
  const toggle = () => {
    if (paused) release();
    setPaused(!paused);
  };
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
              {paused && held > 0 ? t.events.held(held) : t.stream[state]}
            </Group>
          </Text>
        </Group>
        <Button
          size="compact-sm"
          variant={paused ? "filled" : "default"}
          leftSection={<Icon name={paused ? "play" : "pause"} size={14} />}
          onClick={toggle}
        >
          {paused ? t.events.resume : t.events.pause}
        </Button>
      </Group>
      <div className="surface" style={{ overflow: "hidden" }}>
        <TextInput
          p="md"
          aria-label={t.events.filter}
          placeholder={t.events.filterHint}
          leftSection={<Icon name="search" size={16} />}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
        />
        <Loaded query={recent} skeleton={{ height: 56, rows: 6 }}>
          {(records) => {
            const all = merged(arrived, records.map(fromRecord), KEPT);
            const wanted = filter.trim().toLowerCase();
            const shown = all.filter(({ type }) => type.includes(wanted));
            return <EventList events={shown} arrived={arrived} filtered={wanted !== ""} />;
          }}
        </Loaded>
      </div>
    </Stack>
  );
}
