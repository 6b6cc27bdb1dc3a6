import { Button, Skeleton, Stack } from "@mantine/core";
import type { UseInfiniteQueryResult, UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { sentenceOf } from "../api/problems";
import { t } from "../messages";
import { ErrorNotice } from "./ErrorNotice";

interface Props<T> {
  query: UseQueryResult<T>;
  /** Height of each grey bar while loading, and how many. */
  skeleton?: { height: number; rows: number };
  children: (data: T) => ReactNode;
}

/** A query's three faces: grey bars, a problem with another try, the content. An old answer stays while a new one fails. */
export function Loaded<T>({ query, skeleton = { height: 72, rows: 3 }, children }: Props<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <ErrorNotice problem={sentenceOf(query.error)} onRetry={() => void query.refetch()} />;
  return (
    <Stack gap="sm" aria-busy="true">
      {Array.from({ length: skeleton.rows }, (_, row) => (
        <Skeleton key={row} height={skeleton.height} radius="lg" />
      ))}
    </Stack>
  );
}

/** The button under a paged list, as long as the server has more. */
export function More({ query }: { query: UseInfiniteQueryResult<unknown> }) {
  if (!query.hasNextPage) return null;
  return (
    <Button variant="default" mx="auto" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
      {t.lists.more}
    </Button>
  );
}
