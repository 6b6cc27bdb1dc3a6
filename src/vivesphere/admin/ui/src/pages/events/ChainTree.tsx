import { Badge, Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import type { ChainEvent } from "../../api/types";
import { t } from "../../messages";
import { durationWords } from "../../parts/duration";
import { When } from "../../parts/When";
import { treesOf, type ChainNode } from "./chain";
import { lineOf } from "./EventRow";
import { Who } from "./Who";

const { one: words } = t.events;

/** The id of the element that shows the event whose page this is. */
export const HERE = "this-event";

function Branch({ node, current }: { node: ChainNode; current: string }) {
  const { event, afterMs, children } = node;
  const here = event.id === current;
  return (
    <li className="branch">
      <div className="twig" id={here ? HERE : undefined} data-current={here} data-hidden={event.hidden}>
        <Group justify="space-between" gap={8} align="baseline">
          {event.hidden ? (
            <Text size="sm" c="dimmed" fs="italic" component="span">
              {words.hidden}
            </Text>
          ) : (
            <Link
              to="/events/$eventId"
              params={{ eventId: event.id }}
              className="twig-topic quiet-link"
              aria-current={here ? "true" : undefined}
            >
              {event.topic}
            </Link>
          )}
          <Group gap={8} component="span">
            {here && <Badge size="sm">{words.this}</Badge>}
            <Text size="xs" c="dimmed" component="span">
              {afterMs !== null && <span title={words.afterHint(durationWords(afterMs))}>{words.after(durationWords(afterMs))} · </span>}
              <When at={event.at} style="clock" />
            </Text>
          </Group>
        </Group>
        {!event.hidden && lineOf(event.topic, event.data) && <Text size="sm">{lineOf(event.topic, event.data)}</Text>}
        {!event.hidden && <Who source={event.source} actor={event.actor} />}
      </div>
      {children.length > 0 && <Branches nodes={children} current={current} />}
    </li>
  );
}

function Branches({ nodes, current, label }: { nodes: readonly ChainNode[]; current: string; label?: string }) {
  return (
    <ul className="branches" aria-label={label}>
      {nodes.map((node) => (
        <Branch key={node.event.id} node={node} current={current} />
      ))}
    </ul>
  );
}

/** What caused what: each event stands under its cause. Nested lists, so that a screen reader tells the level. */
export function ChainTree({ events, current }: { events: readonly ChainEvent[]; current: string }) {
  return (
    <div className="chain">
      <Branches nodes={treesOf(events)} current={current} label={words.chain} />
    </div>
  );
}
