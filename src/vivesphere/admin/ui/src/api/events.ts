import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";

/** Which recorded events; every part that is given must hold. `since` and `until` are ISO 8601 with a time zone. */
export interface EventFilter {
  topic?: string;
  category?: string;
  source?: string;
  correlation_id?: string;
  since?: string;
  until?: string;
}

const REFRESH_MS = 4_000;

const nextCursor = (page: { next_cursor?: string | null }) => page.next_cursor ?? undefined;
const firstCursor = undefined as string | undefined;

/** The newest recorded events of a topic pattern: where the live tail begins. */
export const recentEventsQuery = (topic: string, limit: number) =>
  queryOptions({
    queryKey: ["events", "recent", topic, limit],
    queryFn: async () => (await answer(client.GET("/api/v1/events", { params: { query: { topic, limit } } }))).items,
    placeholderData: (before) => before,
  });

export const historyQuery = (filter: EventFilter) =>
  infiniteQueryOptions({
    queryKey: ["events", "history", filter],
    queryFn: ({ pageParam }) => answer(client.GET("/api/v1/events", { params: { query: { ...filter, limit: 50, cursor: pageParam } } })),
    initialPageParam: firstCursor,
    getNextPageParam: nextCursor,
    // Every page that was opened would be asked for again; a search is asked again by the person.
    refetchOnWindowFocus: false,
  });

export const chainQuery = (eventId: string) =>
  queryOptions({
    queryKey: ["events", "chain", eventId],
    queryFn: () => answer(client.GET("/api/v1/events/{event_id}/chain", { params: { path: { event_id: eventId } } })),
  });

/** One event alone: a chain may be too long to hold it. */
export const eventQuery = (eventId: string) =>
  queryOptions({
    queryKey: ["events", "one", eventId],
    queryFn: () => answer(client.GET("/api/v1/events/{event_id}", { params: { path: { event_id: eventId } } })),
    staleTime: Infinity,
  });

export const deadLettersQuery = (listener: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["events", "dead-letters", listener ?? ""],
    queryFn: ({ pageParam }) => answer(client.GET("/api/v1/events/dead-letters", { params: { query: { listener, limit: 50, cursor: pageParam } } })),
    initialPageParam: firstCursor,
    getNextPageParam: nextCursor,
    refetchInterval: REFRESH_MS,
  });

/** Asked again every few seconds while a page that shows it is in sight. */
export const busQuery = queryOptions({
  queryKey: ["events", "bus"],
  queryFn: () => answer(client.GET("/api/v1/bus")),
  refetchInterval: REFRESH_MS,
});

export const replayEvents = (filter: EventFilter, listener: string, dry_run: boolean) =>
  answer(client.POST("/api/v1/events/replay", { body: { filter, listener, dry_run } }));

export const retryLetter = (letter_id: string) =>
  answer(client.POST("/api/v1/events/dead-letters/{letter_id}/retry", { params: { path: { letter_id } } }));

export const retryLetters = (listener?: string) => answer(client.POST("/api/v1/events/dead-letters/retry", { body: { listener } }));

export const dropLetter = (letter_id: string) =>
  answer(client.DELETE("/api/v1/events/dead-letters/{letter_id}", { params: { path: { letter_id } } }));

export const dropLetters = (listener: string) => answer(client.DELETE("/api/v1/events/dead-letters", { params: { query: { listener } } }));
