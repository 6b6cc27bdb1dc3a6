import createClient from "openapi-fetch";

import { t } from "../messages";
import { csrfCookie } from "../session/csrf";
import { Session } from "../session/session";
import { Problem, problemFrom } from "./problems";
import type { paths } from "./schema";
import type { Told } from "./types";

const SAFE = new Set(["GET", "HEAD"]);

/** fetch with the CSRF token, which the server asks of every change that signs in by cookie. */
function ownFetch(request: Request): Promise<Response> {
  const token = session.csrfToken;
  if (token !== null && !SAFE.has(request.method)) request.headers.set("x-csrf-token", token);
  return fetch(request);
}

/** Calls that come before a session or end one: set-up, login, logout and the refresh itself. */
export const openClient = createClient<paths>({ baseUrl: location.origin, fetch: ownFetch });

async function refresh(): Promise<boolean> {
  const { response } = await openClient.POST("/api/v1/auth/browser/refresh");
  // A server that is restarting answers 5xx through a proxy, and 429 passes; neither says that the session is over.
  if (response.status >= 500 || response.status === 429) throw new TypeError("the server is not ready");
  return response.ok;
}

async function check(): Promise<boolean> {
  const { response } = await client.GET("/api/v1/auth/validate");
  if (response.status >= 500 || response.status === 429) throw new TypeError("the server is not ready");
  return response.ok;
}

export const session = new Session(csrfCookie, { check, refresh });

/** Sends with the cookies; a 401 is answered by one refresh and one more try, and then by the login page. */
async function authorised(requestFor: (attempt: number) => Request): Promise<Response> {
  if (session.replaced) {
    // Nothing that the one before has seen may stay on the screen, and nothing they began may be done as somebody else.
    location.reload();
    throw new Problem(401, t.problems.replaced);
  }
  const response = await ownFetch(requestFor(0));
  if (response.status !== 401 || !(await session.refresh())) return response;
  const second = await ownFetch(requestFor(1));
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
