import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { grantsQuery } from "../../api/data";
import { t } from "../../messages";
import { EmptyState } from "../../parts/EmptyState";
import { useMay } from "../../session/useMay";
import { Page } from "../../shell/Page";

const { area } = t.data;

const TABS = [
  { to: "/data", label: area.tables, permission: "data.table.read" },
  { to: "/data/sql", label: area.sql, permission: "data.sql.run" },
  { to: "/data/access", label: area.access, permission: "data.access.read" },
  { to: "/data/backups", label: area.backups, permission: "data.backup.read" },
] as const;

/** How many plugins wait for a decision: worth a look from anywhere in the area. */
function useRequests(may: boolean): number {
  const { data } = useQuery({ ...grantsQuery("requested"), enabled: may });
  return data?.length ?? 0;
}

/** Said in the place of what somebody may not see. */
export function Forbidden({ permission }: { permission: string }) {
  return (
    <div className="surface">
      <EmptyState icon="lock" title={area.forbidden} hint={area.forbiddenHint(permission)} />
    </div>
  );
}

/** The frame of the data area. A tab that somebody may not open is not there; its address says why. */
export function DataFrame({ tab, actions, children }: { tab: (typeof TABS)[number]["to"]; actions?: ReactNode; children: ReactNode }) {
  const may = useMay();
  const requests = useRequests(may("data.access.read"));
  const here = TABS.find(({ to }) => to === tab);
  const open = here === undefined || may(here.permission);
  return (
    <Page title={area.title} part={here?.label} hint={area.hint} actions={open && actions}>
      <nav className="tabs" aria-label={area.title}>
        {TABS.filter(({ permission }) => may(permission)).map(({ to, label }) => (
          <Link key={to} to={to} className="tab" activeOptions={{ exact: true, includeSearch: false }}>
            {label}
            {to === "/data/access" && requests > 0 && (
              <span className="tab-count" title={area.requests(requests)}>
                {requests}
              </span>
            )}
          </Link>
        ))}
      </nav>
      {open ? children : <Forbidden permission={here.permission} />}
    </Page>
  );
}
