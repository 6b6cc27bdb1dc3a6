import { getRouteApi } from "@tanstack/react-router";
import { useCallback } from "react";

import { EventsFrame } from "./events/EventsFrame";
import { LiveTail } from "./events/LiveTail";
import { EVERYTHING } from "./events/pattern";

const route = getRouteApi("/signed-in/events");

export function EventsPage() {
  const { topic = EVERYTHING } = route.useSearch();
  const navigate = route.useNavigate();
  const onPattern = useCallback(
    (pattern: string) => void navigate({ search: { topic: pattern === EVERYTHING ? undefined : pattern }, replace: true }),
    [navigate],
  );
  return (
    <EventsFrame tab="/events">
      <LiveTail pattern={topic} onPattern={onPattern} />
    </EventsFrame>
  );
}
