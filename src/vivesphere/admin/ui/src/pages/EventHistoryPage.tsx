import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect } from "react";

import { historyQuery, type EventFilter } from "../api/events";
import type { EventRecord } from "../api/types";
import { fromRecord } from "../live/events";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { Icon } from "../parts/Icon";
import { Loaded, More } from "../parts/Loaded";
import { EventRow } from "./events/EventRow";
import { EventsFrame } from "./events/EventsFrame";
import { filterProblems, filterWords } from "./events/filter";
import { FilterForm } from "./events/FilterForm";
import { ReplayDialog } from "./events/ReplayDialog";

const route = getRouteApi("/signed-in/events/history");
const { history: words } = t.events;

// A page may be empty and still have a next one: the server looks at so many events at a time. A rare one is looked for a while.
const PAGES_BY_ITSELF = 20;

function useHistory(filter: EventFilter, enabled: boolean) {
  const query = useInfiniteQuery({ ...historyQuery(filter), enabled });
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const { hasNextPage, isFetching, fetchNextPage } = query;
  const goOn = items.length === 0 && hasNextPage && !isFetching && (query.data?.pages.length ?? 0) < PAGES_BY_ITSELF;
  useEffect(() => {
    if (goOn) void fetchNextPage();
  }, [goOn, fetchNextPage]);
  return { query, items };
}

function Results({ filter }: { filter: EventFilter }) {
  const { query, items } = useHistory(filter, true);
  const [replaying, replay] = useDisclosure(false);
  return (
    <Stack component="section" gap="sm" aria-labelledby="results-title">
      <Group justify="space-between">
        <Group gap="sm">
          <Title order={2} id="results-title" className="section-title">
            {words.results}
          </Title>
          <Text size="xs" c="dimmed" role="status" component="span">
            {query.isFetching ? words.searching : words.loaded(items.length)}
          </Text>
        </Group>
        <Button size="compact-sm" variant="default" leftSection={<Icon name="replay" size={14} />} onClick={replay.open}>
          {t.events.replay.open}
        </Button>
      </Group>
      <ReplayDialog filter={filter} opened={replaying} onClose={replay.close} />
      <Loaded query={query} skeleton={{ height: 56, rows: 6 }}>
        {() => <Found items={items} looking={query.hasNextPage} filter={filter} />}
      </Loaded>
      <More query={query} />
    </Stack>
  );
}

function Found({ items, looking, filter }: { items: readonly EventRecord[]; looking: boolean; filter: EventFilter }) {
  if (items.length === 0) {
    return (
      <div className="surface">
        <EmptyState icon="search" title={looking ? words.searching : words.none} hint={looking ? filterWords(filter) : words.noneHint} />
      </div>
    );
  }
  return (
    <ul className="event-list surface first-open" aria-label={words.results}>
      {items.map((record) => (
        <EventRow key={record.id} event={fromRecord(record)} origin={record} style="stamp" />
      ))}
    </ul>
  );
}

export function EventHistoryPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const asked = Object.keys(filterProblems(filter)).length === 0;
  return (
    <EventsFrame tab="/events/history">
      <FilterForm key={JSON.stringify(filter)} filter={filter} onSearch={(wanted) => void navigate({ search: wanted })} />
      {asked && <Results filter={filter} />}
    </EventsFrame>
  );
}
