import createClient from "openapi-fetch";

import { Session } from "../session/session";
import { problemFrom } from "./problems";
import type { paths } from "./schema";
import type { Told, Tokens } from "./types";

/** Calls that carry no access token: set-up, login and the refresh itself. */
export const openClient = createClient<paths>({ baseUrl: location.origin });

async function refresher(refreshToken: string): Promise<Tokens | null> {
  const { data, response } = await openClient.POST("/api/v1/auth/refresh", { body: { refresh_token: refreshToken } });
  if (data) return data as Tokens;
  // A server that is restarting answers 5xx through a proxy, and 429 passes; neither says that the token is no longer good.
  if (response.status >= 500 || response.status === 429) throw new TypeError("the server is not ready");
  return null;
}

export const session = new Session(sessionStorage, refresher);

/** Sends with the access token; a 401 is answered by one refresh and one more try, and then by the login page. */
async function authorised(requestFor: (attempt: number) => Request): Promise<Response> {
  const send = (request: Request) => {
    request.headers.set("authorization", `Bearer ${session.accessToken ?? ""}`);
    return fetch(request);
  };
  const response = await send(requestFor(0));
  if (response.status !== 401 || !(await session.refresh())) return response;
  const second = await send(requestFor(1));
  if (second.status === 401) session.signOut();
  return second;
}

function authorisedFetch(request: Request): Promise<Response> {
  const again = request.clone();
  return authorised((attempt) => (attempt === 0 ? request : again));
}

export const client = createClient<paths>({ baseUrl: location.origin, fetch: authorisedFetch });

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's body; anything but success is thrown as a Problem. */
export async function answer<T>(outcome: Promise<Outcome<T>>): Promise<Told<T>> {
  const { data, error, response } = await outcome;
  if (!response.ok) throw problemFrom(response.status, error);
  return data as Told<T>;
}

/** Sends a file as it lies on the disk: a clone of its request would hold all of it in memory, for the second try. */
export async function sendFile<T>(path: string, file: Blob, headers: Record<string, string>, signal?: AbortSignal): Promise<T> {
  const response = await authorised(
    () => new Request(new URL(path, location.origin), { method: "POST", body: file, headers, signal }),
  );
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw problemFrom(response.status, body);
  return body as T;
}

/** Fetches a file, under the name that the server gives it. */
export async function fetchFile(path: string): Promise<{ name: string; content: Blob }> {
  const response = await authorised(() => new Request(new URL(path, location.origin)));
  if (!response.ok) throw problemFrom(response.status, await response.json().catch(() => undefined));
  const named = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
  return { name: named?.[1] ?? path.split("/").at(-1) ?? "", content: await response.blob() };
}
