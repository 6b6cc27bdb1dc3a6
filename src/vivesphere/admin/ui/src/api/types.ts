import type { paths } from "./schema";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What the server says: it leaves out nothing, so a field that has a default (and need not be sent) is always there. */
export type Told<T> = T extends (infer I)[]
  ? Told<I>[]
  : T extends object
    ? { [K in keyof T]-?: Told<Exclude<T[K], undefined>> }
    : T;

/** The body of a successful answer, so that the pages need not know how the server names its structs. */
type Answer<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends { responses: infer R }
  ? { [S in keyof R & Success]: R[S] extends { content: { "application/json": infer B } } ? Told<B> : never }[keyof R & Success]
  : never;

/** The body of a request. */
type Body<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends {
  requestBody: { content: { "application/json": infer B } };
}
  ? B
  : never;

type Success = 200 | 201 | 202;

type Item<P extends keyof paths> = Answer<P, "get"> extends { items: (infer I)[] } ? I : never;

export type Tokens = Answer<"/api/v1/auth/login", "post">;
export type Bot = Item<"/api/v1/bots">;
export type Account = Bot["accounts"][number];
export type Platform = Item<"/api/v1/platforms">;
export type Tool = Item<"/api/v1/tools">;
export type ToolRun = Answer<"/api/v1/tools/{name}/run", "post">;
export type Plugin = Item<"/api/v1/plugins">;
export type Plan = Item<"/api/v1/plans">;
export type RunSummary = Item<"/api/v1/plans/{plan_id}/runs">;
export type Run = Answer<"/api/v1/runs/{run_id}", "get">;
export type Step = Run["steps"][number];
export type Trigger = Item<"/api/v1/triggers">;
export type Firing = Item<"/api/v1/triggers/{trigger_id}/firings">;
export type EventRecord = Item<"/api/v1/events">;
export type EventChain = Answer<"/api/v1/events/{event_id}/chain", "get">;
export type ChainEvent = EventChain["events"][number];
export type ChainEffect = EventChain["effects"][number];
export type Replayed = Answer<"/api/v1/events/replay", "post">;
export type DeadLetter = Item<"/api/v1/events/dead-letters">;
export type BusOverview = Answer<"/api/v1/bus", "get">;
export type Subscriber = BusOverview["subscribers"][number];
export type Publisher = BusOverview["publishers"][number];
export type Responder = BusOverview["responders"][number];
export type Outcome = "happened" | "retry" | "fail";
export type DataTable = Item<"/api/v1/data/tables">;
export type DataColumn = DataTable["columns"][number];
export type DataIndex = DataTable["indexes"][number];
export type TableInput = Body<"/api/v1/data/tables", "post">;
export type TableChange = Body<"/api/v1/data/tables/{name}", "patch">;
export type ColumnInput = TableInput["columns"][number];
export type ColumnType = ColumnInput["type"];
/** A record: `id`, `version`, `created_at` and `updated_at`, and the values of its columns. */
export type TableRecord = Record<string, unknown>;
export type ImportReport = Answer<"/api/v1/data/tables/{name}/import", "post">;
export type SqlInput = Body<"/api/v1/data/query", "post">;
export type Rows = Answer<"/api/v1/data/query", "post">;
export type TableAccess = Item<"/api/v1/data/access">;
export type Grant = Item<"/api/v1/data/access/grants">;
export type Refusal = Item<"/api/v1/data/access/refusals">;
export type Backup = Item<"/api/v1/data/backups">;
