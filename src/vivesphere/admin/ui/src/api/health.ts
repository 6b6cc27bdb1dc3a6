import { Problem } from "./problems";

export interface Part {
  name: string;
  status: string;
  detail: string;
}

function partsFrom(body: unknown): Part[] {
  const { modules } = (body ?? {}) as { modules?: Record<string, { status?: string; detail?: string }> };
  return Object.entries(modules ?? {}).map(([name, { status, detail }]) => ({ name, status: status ?? "ok", detail: detail ?? "" }));
}

/** The server's parts by name. `/health/ready` is public and answers 503 with the same body when a part has failed. */
export async function readiness(): Promise<Part[]> {
  const response = await fetch("/health/ready");
  if (!response.ok && response.status !== 503) throw new Problem(response.status, response.statusText);
  return partsFrom(await response.json());
}
