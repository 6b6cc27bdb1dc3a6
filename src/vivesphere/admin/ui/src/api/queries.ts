import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";

import { notifyDone, notifyProblem } from "../parts/notify";
import { answer, client, openClient } from "./client";
import { readiness } from "./health";
import { everyItem } from "./pages";

const PAGE = 200;

export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: () => answer(openClient.GET("/api/v1/auth/status")),
});

export const whoQuery = queryOptions({
  queryKey: ["who"],
  queryFn: () => answer(client.GET("/api/v1/auth/validate")),
  staleTime: Infinity,
});

export const healthQuery = queryOptions({ queryKey: ["health"], queryFn: readiness, refetchInterval: 10_000 });

export const botsQuery = queryOptions({
  queryKey: ["bots"],
  queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/bots", { params: { query: { limit: PAGE, cursor } } }))),
});

export const platformsQuery = queryOptions({
  queryKey: ["platforms"],
  queryFn: async () => (await answer(client.GET("/api/v1/platforms"))).items,
  staleTime: Infinity,
});

export const toolsQuery = (query: string) =>
  queryOptions({
    queryKey: ["tools", query],
    queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/tools", { params: { query: { query, limit: PAGE, cursor } } }))),
    placeholderData: (before) => before,
  });

export const toolQuery = (name: string) =>
  queryOptions({
    queryKey: ["tool", name],
    queryFn: () => answer(client.GET("/api/v1/tools/{name}", { params: { path: { name } } })),
  });

export const pluginsQuery = queryOptions({
  queryKey: ["plugins"],
  queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/plugins", { params: { query: { limit: PAGE, cursor } } }))),
});

export const plansQuery = queryOptions({
  queryKey: ["plans"],
  queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/plans", { params: { query: { limit: PAGE, cursor } } }))),
});

export const planQuery = (planId: string) =>
  queryOptions({
    queryKey: ["plans", planId],
    queryFn: () => answer(client.GET("/api/v1/plans/{plan_id}", { params: { path: { plan_id: planId } } })),
  });

const nextCursor = (page: { next_cursor?: string | null }) => page.next_cursor ?? undefined;
const firstCursor = undefined as string | undefined;

export const runsQuery = (planId: string) =>
  infiniteQueryOptions({
    queryKey: ["runs", "of", planId],
    queryFn: ({ pageParam }) =>
      answer(
        client.GET("/api/v1/plans/{plan_id}/runs", { params: { path: { plan_id: planId }, query: { limit: 20, cursor: pageParam } } }),
      ),
    initialPageParam: firstCursor,
    getNextPageParam: nextCursor,
  });

export const firingsQuery = (triggerId: string) =>
  infiniteQueryOptions({
    queryKey: ["triggers", triggerId, "firings"],
    queryFn: ({ pageParam }) =>
      answer(
        client.GET("/api/v1/triggers/{trigger_id}/firings", {
          params: { path: { trigger_id: triggerId }, query: { limit: 20, cursor: pageParam } },
        }),
      ),
    initialPageParam: firstCursor,
    getNextPageParam: nextCursor,
  });

const MOVING = new Set(["running", "waiting"]);

export const runQuery = (runId: string) =>
  queryOptions({
    queryKey: ["runs", runId],
    queryFn: () => answer(client.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: runId } } })),
    // The stream tells of finished steps; a step that only begins is seen by asking.
    refetchInterval: ({ state }) => (state.data && MOVING.has(state.data.status) ? 1_500 : false),
  });

export const triggersQuery = queryOptions({
  queryKey: ["triggers"],
  queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/triggers", { params: { query: { limit: PAGE, cursor } } }))),
});

interface Act<I, O> {
  act: (input: I) => Promise<O>;
  /** The queries whose answers the act has made old. */
  touches: QueryKey[];
  said?: (made: O) => string;
  then?: (made: O) => void;
  /** Whether the one who asks shows a problem in its own place, beside what was typed. */
  quiet?: boolean;
}

/** A change on the server: says what was done or why not, and has the touched lists read again. */
export function useAct<I, O>({ act, touches, said, then, quiet = false }: Act<I, O>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: (made) => {
      for (const queryKey of touches) void queries.invalidateQueries({ queryKey });
      if (said) notifyDone(said(made));
      then?.(made);
    },
    onError: quiet ? undefined : notifyProblem,
  });
}
