import { Button, Group, SimpleGrid, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { busQuery, type EventFilter } from "../../api/events";
import { t } from "../../messages";
import { Icon } from "../../parts/Icon";
import { filterFrom, filterProblems, FIELDS, fromLocal, toLocal } from "./filter";

const { history: words } = t.events;

type Draft = Record<(typeof FIELDS)[number], string>;

function draftOf(filter: EventFilter): Draft {
  const { topic = "", category = "", source = "", correlation_id = "", since, until } = filter;
  return { topic, category, source, correlation_id, since: toLocal(since), until: toLocal(until) };
}

function filterOf(draft: Draft): EventFilter {
  const moment = (local: string) => (local === "" ? "" : fromLocal(local));
  return filterFrom({ ...draft, since: moment(draft.since), until: moment(draft.until) });
}

/** Principals that publish here, and the categories of their topics: offered, not required. */
function useSuggestions() {
  const { data } = useQuery(busQuery);
  const sources = (data?.publishers ?? []).map(({ principal }) => principal);
  const modules = sources.flatMap((name) => (name.startsWith("module:") ? [name.slice("module:".length)] : []));
  return { sources: [...new Set(sources)], categories: [...new Set([...modules, "bus", "database", "plugins"])].sort() };
}

/** The search. It is given a `key` of the filter in the address, so that the back button fills it in anew. */
export function FilterForm({ filter, onSearch }: { filter: EventFilter; onSearch: (filter: EventFilter) => void }) {
  const [draft, setDraft] = useState(() => draftOf(filter));
  const [problems, setProblems] = useState(() => filterProblems(filter));
  const { sources, categories } = useSuggestions();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = filterOf(draft);
    const found = filterProblems(wanted);
    setProblems(found);
    if (Object.keys(found).length === 0) onSearch(wanted);
  };
  const field = (name: keyof Draft) => ({
    name,
    value: draft[name],
    error: problems[name],
    onChange: (event: { currentTarget: { value: string } }) => setDraft({ ...draft, [name]: event.currentTarget.value }),
  });
  const plain = { spellCheck: false, autoCapitalize: "none", autoComplete: "off" } as const;
  return (
    <form role="search" className="surface filter-form" aria-label={words.form} onSubmit={submit} noValidate>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
        <TextInput {...field("topic")} {...plain} label={words.topic} placeholder={words.topicHint} />
        <TextInput {...field("category")} {...plain} label={words.category} list="event-categories" />
        <TextInput {...field("source")} {...plain} label={words.source} list="event-sources" />
        <TextInput {...field("since")} label={words.since} type="datetime-local" step={1} />
        <TextInput {...field("until")} label={words.until} type="datetime-local" step={1} />
        <TextInput {...field("correlation_id")} {...plain} label={words.correlation} />
      </SimpleGrid>
      <datalist id="event-categories">
        {categories.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <datalist id="event-sources">
        {sources.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={() => onSearch({})} disabled={Object.values(draft).every((value) => value === "")}>
          {words.clear}
        </Button>
        <Button type="submit" leftSection={<Icon name="search" size={16} />}>
          {words.search}
        </Button>
      </Group>
    </form>
  );
}
