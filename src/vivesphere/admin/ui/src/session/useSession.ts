import { useSyncExternalStore } from "react";

import { session } from "../api/client";
import type { SessionState } from "./session";

export function useSessionState(): SessionState {
  return useSyncExternalStore(session.subscribe, () => session.state);
}
