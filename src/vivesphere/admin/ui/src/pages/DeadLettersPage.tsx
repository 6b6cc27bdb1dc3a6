import { Button, Group, NativeSelect, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { busQuery, deadLettersQuery, dropLetters, retryLetters } from "../api/events";
import type { DeadLetter } from "../api/types";
import { useAct } from "../api/queries";
import { t } from "../messages";
import { Confirm } from "../parts/Confirm";
import { EmptyState } from "../parts/EmptyState";
import { Icon } from "../parts/Icon";
import { Loaded, More } from "../parts/Loaded";
import { durableIn } from "./events/bus";
import { DeadLetterCard, TOUCHED } from "./events/DeadLetterCard";
import { EventsFrame } from "./events/EventsFrame";

const route = getRouteApi("/signed-in/events/dead-letters");
const { dead: words } = t.events;

/** The listeners that can be chosen: those that run, with their counts, and those that left dead letters and run no more. */
function useListeners(letters: readonly DeadLetter[], chosen: string | undefined) {
  const bus = useQuery(busQuery);
  const running = bus.data ? durableIn(bus.data) : [];
  const known = new Set(running.map(({ name }) => name));
  const gone = [...new Set([...letters.map(({ listener }) => listener), ...(chosen ? [chosen] : [])])].filter((name) => !known.has(name));
  const choices = [
    ...running.map(({ name, dead }) => ({ value: name, label: words.withCount(name, dead) })),
    ...gone.map((name) => ({ value: name, label: name })),
  ];
  return [{ value: "", label: words.everyListener(running.reduce((sum, { dead }) => sum + dead, 0)) }, ...choices];
}

function AllOf({ listener }: { listener: string }) {
  const [asking, ask] = useDisclosure(false);
  const retry = useAct({ act: () => retryLetters(listener), touches: TOUCHED, said: ({ count }) => words.retried(count) });
  const drop = useAct({
    act: () => dropLetters(listener),
    touches: TOUCHED,
    said: ({ count }) => words.dropped(count),
    then: ask.close,
  });
  return (
    <Group gap="sm">
      <Button variant="default" loading={retry.isPending} leftSection={<Icon name="replay" size={16} />} onClick={() => retry.mutate(undefined)}>
        {words.retryAll(listener)}
      </Button>
      <Button variant="subtle" color="red" onClick={ask.open}>
        {words.dropAll(listener)}
      </Button>
      <Confirm
        opened={asking}
        question={words.sureAll}
        hint={words.sureAllHint(listener)}
        yes={words.dropAll(listener)}
        busy={drop.isPending}
        onYes={() => drop.mutate(undefined)}
        onClose={ask.close}
      />
    </Group>
  );
}

function Letters({ letters }: { letters: readonly DeadLetter[] }) {
  if (letters.length === 0) {
    return (
      <div className="surface">
        <EmptyState icon="check" title={words.none} hint={words.noneHint} />
      </div>
    );
  }
  return (
    <Stack gap="md" component="ul" m={0} p={0} style={{ listStyle: "none" }} aria-label={words.list}>
      {letters.map((letter) => (
        <DeadLetterCard key={letter.id} letter={letter} />
      ))}
    </Stack>
  );
}

export function DeadLettersPage() {
  const { listener } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery(deadLettersQuery(listener));
  const letters = query.data?.pages.flatMap((page) => page.items) ?? [];
  const choices = useListeners(letters, listener);
  return (
    <EventsFrame tab="/events/dead-letters">
      <Group justify="space-between" align="flex-end">
        <NativeSelect
          label={words.listener}
          value={listener ?? ""}
          data={choices}
          onChange={(event) => void navigate({ search: { listener: event.currentTarget.value || undefined } })}
        />
        {listener !== undefined && letters.length > 0 && <AllOf listener={listener} />}
      </Group>
      <Loaded query={query} skeleton={{ height: 130, rows: 2 }}>
        {() => (letters.length === 0 && query.hasNextPage ? null : <Letters letters={letters} />)}
      </Loaded>
      {query.isError && letters.length > 0 && (
        <Text size="sm" c="red" role="alert">
          {t.problems.unreachable}
        </Text>
      )}
      <More query={query} />
    </EventsFrame>
  );
}
