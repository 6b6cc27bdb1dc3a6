import { Alert, Button, Group, List, Modal, NativeSelect, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { busQuery, replayEvents, type EventFilter } from "../../api/events";
import type { Replayed } from "../../api/types";
import { useAct } from "../../api/queries";
import { t } from "../../messages";
import { durableIn } from "./bus";
import { filterWords } from "./filter";

const { replay: words } = t.events;

function Tried({ found }: { found: Replayed }) {
  return (
    <Alert color={found.queued > 0 ? "vive" : "gray"} title={words.tried} role="status">
      <List size="sm" spacing={4}>
        <List.Item>{words.matched(found.matched)}</List.Item>
        <List.Item>{found.queued > 0 ? words.queued(found.queued) : words.nothing}</List.Item>
        {found.skipped > 0 && <List.Item>{words.skipped(found.skipped)}</List.Item>}
      </List>
      {found.more && (
        <Text size="sm" mt="xs">
          {words.more}
        </Text>
      )}
    </Alert>
  );
}

function Form({ filter, onClose }: { filter: EventFilter; onClose: () => void }) {
  const bus = useQuery(busQuery);
  const listeners = bus.data ? durableIn(bus.data) : [];
  const [chosen, setChosen] = useState("");
  const [tried, setTried] = useState<Replayed | null>(null);
  const listener = chosen || (listeners[0]?.name ?? "");
  const count = useAct({ act: () => replayEvents(filter, listener, true), touches: [], then: setTried });
  const replay = useAct({
    act: () => replayEvents(filter, listener, false),
    touches: [["events", "bus"], ["events", "dead-letters"]],
    said: (made) => words.done(made.queued, listener),
    then: onClose,
  });
  return (
    <Stack gap="md">
      <div>
        <Text size="sm" fw={600}>
          {words.which}
        </Text>
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {filterWords(filter)}
        </Text>
      </div>
      <NativeSelect
        label={words.listener}
        description={words.listenerHint}
        data={listeners.map(({ name }) => name)}
        value={listener}
        error={bus.isSuccess && listeners.length === 0 ? words.noListeners : null}
        onChange={(event) => {
          setChosen(event.currentTarget.value);
          // What was counted for one listener says nothing about another.
          setTried(null);
        }}
        data-autofocus
      />
      {tried && <Tried found={tried} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t.lists.cancel}
        </Button>
        {tried && tried.queued > 0 ? (
          <Button loading={replay.isPending} onClick={() => replay.mutate(undefined)}>
            {words.go(tried.queued)}
          </Button>
        ) : (
          <Button loading={count.isPending} disabled={listener === ""} onClick={() => count.mutate(undefined)}>
            {words.try}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

/** Recorded events given to one listener again: first counted, then done. */
export function ReplayDialog({ filter, opened, onClose }: { filter: EventFilter; opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title={words.title} closeButtonProps={{ "aria-label": t.lists.close }}>
      <Form filter={filter} onClose={onClose} />
    </Modal>
  );
}
