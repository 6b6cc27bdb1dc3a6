import { Badge, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { memo, useId, useState } from "react";

import type { LiveEvent } from "../../live/events";
import { t } from "../../messages";
import { Icon } from "../../parts/Icon";
import { JsonBlock } from "../../parts/JsonBlock";
import { When } from "../../parts/When";
import { Who } from "./Who";

/** Who and which chain: what the log knows of an event, and the stream does not say. */
export interface Origin {
  source: string;
  actor: string;
  correlation_id: string;
}

export function lineOf(topic: string, data: Record<string, unknown>): string {
  return t.events.lines[topic]?.(data) ?? "";
}

function Details({ event, origin }: { event: LiveEvent; origin?: Origin }) {
  return (
    <Stack gap="sm" px={20} pt={6} pb={16}>
      <JsonBlock value={event.data} label={t.events.details(event.type)} />
      <Group gap="md">
        <Link to="/events/$eventId" params={{ eventId: event.id }} className="quiet-link" aria-label={t.events.chainOf(event.type)}>
          {t.events.chain}
        </Link>
        {origin && (
          <>
            <Link to="/events/history" search={{ correlation_id: origin.correlation_id }} className="quiet-link">
              {t.events.sameChain}
            </Link>
            <Who source={origin.source} actor={origin.actor} />
          </>
        )}
        <Text size="xs" c="dimmed" title={event.seq === null ? t.events.liveHint : undefined}>
          {event.seq === null ? t.events.liveHint : t.events.recorded(event.seq)}
        </Text>
      </Group>
    </Stack>
  );
}

interface Props {
  event: LiveEvent;
  fresh?: boolean;
  origin?: Origin;
  /** Far back in the past the time of day says little. */
  style?: "clock" | "stamp";
}

/** One event: when, what, a line for a person; opened, all that it carries. */
export const EventRow = memo(function EventRow({ event, fresh = false, origin, style = "clock" }: Props) {
  const [opened, setOpened] = useState(false);
  const details = useId();
  const line = lineOf(event.type, event.data);
  return (
    <li className="event" data-fresh={fresh} data-topic={event.type}>
      <UnstyledButton className="event-head" data-style={style} onClick={() => setOpened(!opened)} aria-expanded={opened} aria-controls={opened ? details : undefined}>
        <Text span size="xs" c="dimmed">
          <When at={event.at} style={style} />
        </Text>
        <span className="event-topic">{event.type}</span>
        <Group gap={8} wrap="nowrap" component="span" className="event-more">
          {event.seq === null && (
            <Badge size="xs" color="gray" title={t.events.liveHint}>
              {t.events.live}
            </Badge>
          )}
          <span className="turning" data-turned={opened}>
            <Icon name="right" size={14} />
          </span>
        </Group>
        {line && <span className="event-line">{line}</span>}
      </UnstyledButton>
      {opened && (
        <div id={details}>
          <Details event={event} origin={origin} />
        </div>
      )}
    </li>
  );
});
