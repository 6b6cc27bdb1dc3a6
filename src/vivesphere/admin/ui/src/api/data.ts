import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { answer, client, sendFile } from "./client";
import { everyItem } from "./pages";
import type { ImportReport, SqlInput, TableChange, TableInput, TableRecord } from "./types";

const PAGE = 200;
const RECORDS = 50;

export type Format = "csv" | "json" | "jsonl";
export type Level = "user" | "protected" | "locked";

/** Which records, in which order. `filter` is JSON in the server's language of filters. */
export interface Wanted {
  filter?: string;
  sort?: string;
  search?: string;
}

/** The lists that change with a table, by the beginning of their keys. */
export const TABLES = ["data", "tables"];
export const RECORDS_OF = (name: string) => ["data", "records", name];
export const ACCESS = ["data", "access"];
export const BACKUPS = ["data", "backups"];

const nextCursor = (page: { next_cursor?: string | null }) => page.next_cursor ?? undefined;
const firstCursor = undefined as string | undefined;

export const tablesQuery = queryOptions({
  queryKey: [...TABLES, "all"],
  queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/data/tables", { params: { query: { limit: PAGE, cursor } } }))),
});

export const tableQuery = (name: string) =>
  queryOptions({
    queryKey: [...TABLES, "one", name],
    queryFn: () => answer(client.GET("/api/v1/data/tables/{name}", { params: { path: { name } } })),
  });

const version = (number: number | null) => (number === null ? {} : { "If-Match": `"${number}"` });

export const createTable = (body: TableInput) => answer(client.POST("/api/v1/data/tables", { body }));

export const changeTable = (name: string, seen: number | null, body: TableChange) =>
  answer(client.PATCH("/api/v1/data/tables/{name}", { params: { path: { name }, header: version(seen) }, body }));

export const dropTable = (name: string, seen: number | null) =>
  answer(client.DELETE("/api/v1/data/tables/{name}", { params: { path: { name }, header: version(seen) } }));

export const recordsQuery = (name: string, wanted: Wanted) =>
  infiniteQueryOptions({
    queryKey: [...RECORDS_OF(name), wanted],
    queryFn: ({ pageParam }) =>
      answer(
        client.GET("/api/v1/data/tables/{name}/records", {
          params: { path: { name }, query: { ...wanted, limit: RECORDS, cursor: pageParam } },
        }),
      ),
    initialPageParam: firstCursor,
    getNextPageParam: nextCursor,
    // Every page that was opened would be asked for again.
    refetchOnWindowFocus: false,
  });

/** A few records to choose a reference from. */
export const choicesQuery = (name: string, search: string) =>
  queryOptions({
    queryKey: [...RECORDS_OF(name), "choices", search],
    queryFn: async () =>
      (await answer(client.GET("/api/v1/data/tables/{name}/records", { params: { path: { name }, query: { search, limit: 20 } } }))).items,
    placeholderData: (before) => before,
  });

export const recordQuery = (name: string, record_id: string) =>
  queryOptions({
    queryKey: [...RECORDS_OF(name), "one", record_id],
    queryFn: () => answer(client.GET("/api/v1/data/tables/{name}/records/{record_id}", { params: { path: { name, record_id } } })),
  });

export const createRecord = (name: string, body: TableRecord) =>
  answer(client.POST("/api/v1/data/tables/{name}/records", { params: { path: { name } }, body }));

export const changeRecord = (name: string, record_id: string, seen: number, body: TableRecord) =>
  answer(
    client.PATCH("/api/v1/data/tables/{name}/records/{record_id}", {
      params: { path: { name, record_id }, header: version(seen) },
      body,
    }),
  );

export const deleteRecord = (name: string, record_id: string, seen: number) =>
  answer(
    client.DELETE("/api/v1/data/tables/{name}/records/{record_id}", { params: { path: { name, record_id }, header: version(seen) } }),
  );

const MEDIA: Record<Format, string> = { csv: "text/csv", json: "application/json", jsonl: "application/x-ndjson" };
const tablePath = (name: string) => `/api/v1/data/tables/${encodeURIComponent(name)}`;

/** Under the same key the same file goes on where it was cut off, and no record is made twice. */
export const importFile = (name: string, format: Format, file: Blob, key: string, signal: AbortSignal) =>
  sendFile<ImportReport>(`${tablePath(name)}/import?format=${format}`, file, { "content-type": MEDIA[format], "idempotency-key": key }, signal);

export const exportPath = (name: string, format: Format, wanted: Wanted) =>
  `${tablePath(name)}/export?${new URLSearchParams({ format, ...wanted }).toString()}`;

export const accessQuery = (level: Level | undefined) =>
  queryOptions({
    queryKey: [...ACCESS, "tables", level ?? ""],
    queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/data/access", { params: { query: { level, limit: PAGE, cursor } } }))),
    placeholderData: (before) => before,
  });

export type GrantStatus = "requested" | "approved" | "revoked";

export const grantsQuery = (status: GrantStatus | undefined) =>
  queryOptions({
    queryKey: [...ACCESS, "grants", status ?? ""],
    queryFn: () =>
      everyItem((cursor) => answer(client.GET("/api/v1/data/access/grants", { params: { query: { status, limit: PAGE, cursor } } }))),
    placeholderData: (before) => before,
  });

export const refusalsQuery = infiniteQueryOptions({
  queryKey: [...ACCESS, "refusals"],
  queryFn: ({ pageParam }) => answer(client.GET("/api/v1/data/access/refusals", { params: { query: { limit: 50, cursor: pageParam } } })),
  initialPageParam: firstCursor,
  getNextPageParam: nextCursor,
});

export const grantAccess = (grantee: string, table: string, action: "read" | "write") =>
  answer(client.POST("/api/v1/data/access/grants", { body: { grantee, table, action } }));

export const approveGrant = (grant_id: string) =>
  answer(client.POST("/api/v1/data/access/grants/{grant_id}/approve", { params: { path: { grant_id } } }));

export const revokeGrant = (grant_id: string) =>
  answer(client.POST("/api/v1/data/access/grants/{grant_id}/revoke", { params: { path: { grant_id } } }));

export const backupsQuery = queryOptions({
  queryKey: BACKUPS,
  queryFn: () => everyItem((cursor) => answer(client.GET("/api/v1/data/backups", { params: { query: { limit: PAGE, cursor } } }))),
});

export const createBackup = (passphrase: string | null) => answer(client.POST("/api/v1/data/backups", { body: { passphrase } }));

export const backupPath = (name: string) => `/api/v1/data/backups/${encodeURIComponent(name)}`;

export const deleteBackup = (name: string) => answer(client.DELETE("/api/v1/data/backups/{name}", { params: { path: { name } } }));

/** One statement, run as the one who is signed in. `params` is a list for `?`, an object for `:name`. */
export const runSql = (body: SqlInput) => answer(client.POST("/api/v1/data/query", { body }));
