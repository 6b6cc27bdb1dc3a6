import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { tableQuery } from "../../api/data";
import { Problem } from "../../api/problems";
import type { DataTable } from "../../api/types";
import { t } from "../../messages";
import { EmptyState } from "../../parts/EmptyState";
import { Loaded } from "../../parts/Loaded";
import { useMay } from "../../session/useMay";
import { Page } from "../../shell/Page";
import { Forbidden } from "./DataFrame";
import { LevelBadge } from "./LevelBadge";

const { table: words } = t.data;

interface Props {
  name: string;
  part: "records" | "structure";
  actions?: (table: DataTable) => ReactNode;
  children: (table: DataTable) => ReactNode;
}

function Tabs({ name }: { name: string }) {
  const place = { params: { name }, className: "tab", activeOptions: { exact: true, includeSearch: false } };
  return (
    <nav className="tabs" aria-label={name}>
      <Link to="/data/tables/$name" {...place}>
        {words.records}
      </Link>
      <Link to="/data/tables/$name/structure" {...place}>
        {words.structure}
      </Link>
    </nav>
  );
}

/** The frame of one table: its name, its level, and its two tabs if it is people's. */
export function TableFrame({ name, part, actions, children }: Props) {
  const may = useMay();
  const mayRead = may("data.table.read");
  const table = useQuery({ ...tableQuery(name), enabled: mayRead });
  const unknown = table.error instanceof Problem && table.error.status === 404;
  const hint = table.data && (
    <>
      <LevelBadge level={table.data.access_level} /> {table.data.description}
    </>
  );
  return (
    <Page title={name} part={words[part]} hint={hint} back={{ to: "/data", label: words.back }} actions={table.data && actions?.(table.data)}>
      {(table.data === undefined || table.data.access_level === "user") && !unknown && <Tabs name={name} />}
      {!mayRead && <Forbidden permission="data.table.read" />}
      {mayRead && unknown && (
        <div className="surface">
          <EmptyState icon="search" title={words.unknown} hint={words.unknownHint} />
        </div>
      )}
      {mayRead && !unknown && <Loaded query={table}>{children}</Loaded>}
    </Page>
  );
}
