import { useQuery } from "@tanstack/react-query";

import { whoQuery } from "../api/queries";
import { matches } from "../pages/events/pattern";

/**
 * What the one who is signed in may do: by the same patterns the server decides by, which has the last word. Before it is known
 * everything is taken for allowed, so that no page shows a refusal that is none.
 */
export function useMay(): (permission: string) => boolean {
  const { data } = useQuery(whoQuery);
  return (permission) => data === undefined || data.permissions.some((pattern) => matches(pattern, permission));
}
