import { Badge } from "@mantine/core";

import { t } from "../messages";

const COLOURS: Record<string, string> = {
  connected: "vive",
  connecting: "blue",
  waiting: "amber",
  stopped: "gray",
  failed: "red",
  ok: "vive",
  degraded: "amber",
  enabled: "vive",
  disabled: "gray",
  error: "red",
  pending: "gray",
  running: "blue",
  completed: "vive",
  blocked: "amber",
  unknown: "amber",
  cancelled: "gray",
  skipped: "gray",
  started: "vive",
  refused: "red",
  active: "vive",
  paused: "gray",
  tripped: "red",
  done: "vive",
  intended: "blue",
  shadow: "gray",
  requested: "amber",
  approved: "vive",
  revoked: "gray",
};

const MOVING = new Set(["connecting", "running", "waiting"]);

export function colourOf(state: string): string {
  return COLOURS[state] ?? "gray";
}

/** A state as a word with a dot; never by colour alone. */
export function State({ state, words }: { state: string; words: Record<string, string> }) {
  return (
    <Badge
      color={colourOf(state)}
      leftSection={<span className="dot" data-pulse={MOVING.has(state)} />}
      styles={{ label: { overflow: "visible" } }}
      style={{ flex: "none" }}
    >
      {words[state] ?? state}
    </Badge>
  );
}

export const runWords = t.runs.statuses;
