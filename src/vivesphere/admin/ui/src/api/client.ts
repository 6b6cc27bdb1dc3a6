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

/** fetch with the access token; a 401 is answered by one refresh and one more try, and then by the login page. */
async function authorisedFetch(request: Request): Promise<Response> {
  const again = request.clone();
  const attempt = (to: Request) => {
    to.headers.set("authorization", `Bearer ${session.accessToken ?? ""}`);
    return fetch(to);
  };
  const response = await attempt(request);
  if (response.status !== 401 || !(await session.refresh())) return response;
  const second = await attempt(again);
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
