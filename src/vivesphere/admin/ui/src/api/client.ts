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

/** A 401 is answered by one refresh and one more try, and then by the login page. */
async function authorisedFetch(request: Request): Promise<Response> {
  if (session.replaced) {
    // Nothing that the one before has seen may stay on the screen, and nothing they began may be done as somebody else.
    location.reload();
    throw new Problem(401, t.problems.replaced);
  }
  const again = request.clone();
  const response = await ownFetch(request);
  if (response.status !== 401 || !(await session.refresh())) return response;
  const second = await ownFetch(again);
  if (second.status === 401) session.signOut();
  return second;
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
