import { Stack, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { refusalsQuery } from "../api/data";
import type { Refusal } from "../api/types";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { Figures, type Column } from "../parts/Figures";
import { Loaded, More } from "../parts/Loaded";
import { When } from "../parts/When";
import { AccessMatrix } from "./data/AccessMatrix";
import { DataFrame } from "./data/DataFrame";
import { Grants } from "./data/Grants";
import { Principal } from "./events/Who";

const { access: words } = t.data;

const COLUMNS: readonly Column<Refusal>[] = [
  { label: words.principal, cell: ({ principal }) => <Principal name={principal} /> },
  { label: words.time, cell: ({ time }) => <When at={time} style="stamp" /> },
  { label: words.wanted, cell: ({ action }) => action },
  { label: words.table, cell: ({ table }) => <span className="figure-name">{table}</span> },
  { label: words.fingerprint, cell: ({ sql }) => (sql ? <code>{sql}</code> : <Text component="span" c="dimmed" size="sm">{words.noSql}</Text>) },
  { label: words.count, numeric: true, cell: ({ refused }) => refused.toLocaleString() },
];

function Refusals() {
  const query = useInfiniteQuery(refusalsQuery);
  const refusals = query.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <Stack component="section" gap="sm" aria-labelledby="refusals">
      <div>
        <Title order={2} id="refusals">
          {words.refusals}
        </Title>
        <Text size="sm" c="dimmed">
          {words.refusalsHint}
        </Text>
      </div>
      <Loaded query={query} skeleton={{ height: 44, rows: 3 }}>
        {() => (
          <div className="surface">
            {refusals.length === 0 && !query.hasNextPage ? (
              <EmptyState icon="check" title={words.noRefusals} hint={words.noRefusalsHint} />
            ) : (
              <div className="figures-pad">
                <Figures labelledBy="refusals" columns={COLUMNS} rows={refusals} keyOf={({ id }) => id} />
              </div>
            )}
          </div>
        )}
      </Loaded>
      <More query={query} />
    </Stack>
  );
}

function Access() {
  return (
    <Stack gap="xl">
      <AccessMatrix />
      <Grants />
      <Refusals />
    </Stack>
  );
}

export function AccessPage() {
  return (
    <DataFrame tab="/data/access">
      <Access />
    </DataFrame>
  );
}
