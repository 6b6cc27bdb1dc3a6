import { Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import { useId } from "react";

import { dropLetter, retryLetter } from "../../api/events";
import type { DeadLetter } from "../../api/types";
import { useAct } from "../../api/queries";
import { t } from "../../messages";
import { Confirm } from "../../parts/Confirm";
import { Icon } from "../../parts/Icon";
import { JsonBlock } from "../../parts/JsonBlock";
import { When } from "../../parts/When";
import { lineOf } from "./EventRow";

const { dead: words } = t.events;

export const TOUCHED = [["events", "dead-letters"], ["events", "bus"]];

function Actions({ letter }: { letter: DeadLetter }) {
  const [asking, ask] = useDisclosure(false);
  const { topic } = letter.event;
  const retry = useAct({ act: () => retryLetter(letter.id), touches: TOUCHED, said: () => words.retried(1) });
  const drop = useAct({ act: () => dropLetter(letter.id), touches: TOUCHED, said: () => words.dropped(1), then: ask.close });
  return (
    <Group gap="xs" wrap="nowrap">
      <Button
        size="sm"
        loading={retry.isPending}
        leftSection={<Icon name="replay" size={16} />}
        onClick={() => retry.mutate(undefined)}
        aria-label={words.retryOf(topic, letter.listener)}
      >
        {words.retry}
      </Button>
      <Button size="sm" variant="subtle" color="red" onClick={ask.open} aria-label={words.dropOf(topic, letter.listener)}>
        {words.drop}
      </Button>
      <Confirm
        opened={asking}
        question={words.sure}
        hint={words.sureHint(topic, letter.listener)}
        yes={words.drop}
        busy={drop.isPending}
        onYes={() => drop.mutate(undefined)}
        onClose={ask.close}
      />
    </Group>
  );
}

/** One event that one listener could not handle, and why. */
export function DeadLetterCard({ letter }: { letter: DeadLetter }) {
  const [opened, event] = useDisclosure(false);
  const id = useId();
  const { topic, at, data } = letter.event;
  const line = lineOf(topic, data);
  return (
    <Stack component="li" className="surface" p="lg" gap="sm" data-topic={topic}>
      <Stack gap={4} miw={0}>
        <Title order={2} fz="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
          <Link to="/events/$eventId" params={{ eventId: letter.event.id }} className="plain-link">
            {topic}
          </Link>
        </Title>
        <Group gap="sm">
          <Badge color="gray">{letter.listener}</Badge>
          <Text size="xs" c="dimmed" component="span">
            {words.attempts(letter.attempts)} · {words.failed} <When at={letter.failed_at} /> · {words.happened} <When at={at} />
          </Text>
        </Group>
      </Stack>
      {line && <Text size="sm">{line}</Text>}
      <Text size="sm" c="red" ff="monospace" fz={12.5} style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
        {letter.error}
      </Text>
      <Group justify="space-between" gap="sm">
        <Button variant="subtle" size="compact-sm" ml={-8} onClick={event.toggle} aria-expanded={opened} aria-controls={opened ? id : undefined}>
          {words.event}
        </Button>
        <Actions letter={letter} />
      </Group>
      {opened && (
        <div id={id}>
          <JsonBlock value={data} label={t.events.details(topic)} />
        </div>
      )}
    </Stack>
  );
}
