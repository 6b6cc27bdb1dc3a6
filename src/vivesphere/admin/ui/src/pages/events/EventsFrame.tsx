import { Link } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { busQuery } from "../../api/events";
import { t } from "../../messages";
import { Page } from "../../shell/Page";
import { deadIn } from "./bus";

const { area } = t.events;

const TABS = [
  { to: "/events", label: area.live },
  { to: "/events/history", label: area.history },
  { to: "/events/dead-letters", label: area.deadLetters },
  { to: "/events/bus", label: area.bus },
] as const;

/** The frame of the events area. Its tabs are links: each has an address, and the back button leads from one to the other. */
export function EventsFrame({ tab, actions, children }: { tab: (typeof TABS)[number]["to"]; actions?: ReactNode; children: ReactNode }) {
  const bus = useQuery(busQuery);
  const dead = bus.data ? deadIn(bus.data) : 0;
  return (
    <Page title={area.title} part={TABS.find(({ to }) => to === tab)?.label} hint={area.hint} actions={actions}>
      <nav className="tabs" aria-label={area.title}>
        {TABS.map(({ to, label }) => (
          <Link key={to} to={to} className="tab" activeOptions={{ exact: true, includeSearch: false }}>
            {label}
            {to === "/events/dead-letters" && dead > 0 && <span className="tab-count">{dead}</span>}
          </Link>
        ))}
      </nav>
      {children}
    </Page>
  );
}
