import { Button, Group, Menu, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { exportPath, recordsQuery, type Format, type Wanted } from "../api/data";
import type { DataTable, TableRecord } from "../api/types";
import { t } from "../messages";
import { download } from "../parts/download";
import { EmptyState } from "../parts/EmptyState";
import { Icon } from "../parts/Icon";
import { Loaded, More } from "../parts/Loaded";
import { notifyProblem } from "../parts/notify";
import { useMay } from "../session/useMay";
import { Forbidden } from "./data/DataFrame";
import { readBack } from "./data/conditions";
import { FilterBuilder, fieldsOf } from "./data/FilterBuilder";
import { ImportDialog } from "./data/ImportDialog";
import { RecordDialog } from "./data/RecordDialog";
import { RecordGrid } from "./data/RecordGrid";
import { TableFrame } from "./data/TableFrame";
import { useChangedByOthers } from "./data/useChangedByOthers";

const route = getRouteApi("/signed-in/data/tables/$name");
const { records: words } = t.data;
const FORMATS: readonly Format[] = ["csv", "json", "jsonl"];

function useWanted() {
  const wanted = route.useSearch();
  const navigate = route.useNavigate();
  const want = (part: Wanted, replace = false) => void navigate({ search: (before: Wanted) => ({ ...before, ...part }), replace });
  return { wanted, want };
}

function ExportMenu({ name }: { name: string }) {
  const wanted = route.useSearch();
  const [busy, setBusy] = useState(false);
  const run = async (format: Format) => {
    setBusy(true);
    await download(exportPath(name, format, wanted)).catch(notifyProblem);
    setBusy(false);
  };
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button variant="default" loading={busy} leftSection={<Icon name="download" size={16} />}>
          {words.export}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{wanted.filter || wanted.search ? words.exportSome : words.exportAll}</Menu.Label>
        {FORMATS.map((format) => (
          <Menu.Item key={format} onClick={() => void run(format)}>
            {words.formats[format]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Actions({ table }: { table: DataTable }) {
  const may = useMay();
  const [adding, add] = useDisclosure(false);
  const [importing, bring] = useDisclosure(false);
  const mayWrite = may("data.record.write");
  return (
    <>
      {may("data.record.read") && <ExportMenu name={table.name} />}
      {mayWrite && (
        <>
          <Button variant="default" leftSection={<Icon name="upload" size={16} />} onClick={bring.open}>
            {t.data.import.open}
          </Button>
          <Button leftSection={<Icon name="plus" size={16} />} onClick={add.open}>
            {words.add}
          </Button>
        </>
      )}
      {adding && <RecordDialog table={table} onClose={add.close} />}
      {importing && <ImportDialog table={table} onClose={bring.close} />}
    </>
  );
}

/** The search follows what is typed, a moment later; what is typed follows the address, as when one goes back. */
function SearchBox({ search, onSearch }: { search: string; onSearch: (search?: string) => void }) {
  const [typed, setTyped] = useState(search);
  const [settled] = useDebouncedValue(typed, 250);
  useEffect(() => setTyped(search), [search]);
  useEffect(() => {
    if (settled === typed && settled !== search) onSearch(settled || undefined);
    // Only what was typed last starts a search: `search` changes because of it.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [settled]);
  return (
    <TextInput
      flex={1}
      miw={180}
      maw={360}
      aria-label={words.search}
      placeholder={words.search}
      leftSection={<Icon name="search" size={16} />}
      maxLength={200}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
    />
  );
}

function Nothing({ narrowed }: { narrowed: boolean }) {
  return (
    <div className="surface">
      <EmptyState
        icon={narrowed ? "search" : "data"}
        title={narrowed ? words.noneMatch : words.none}
        hint={narrowed ? words.noneMatchHint : words.noneHint}
      />
    </div>
  );
}

function Records({ table }: { table: DataTable }) {
  const { wanted, want } = useWanted();
  const may = useMay();
  const query = useInfiniteQuery(recordsQuery(table.name, wanted));
  const [filtering, filter] = useDisclosure(wanted.filter !== undefined);
  const [edited, edit] = useState<TableRecord | null>(null);
  const pages = query.data?.pages ?? [];
  const records = pages.flatMap(({ items }) => items);
  const changed = useChangedByOthers(table.name, pages.length, query.dataUpdatedAt);
  const conditions = wanted.filter === undefined ? 0 : (readBack(fieldsOf(table), wanted.filter)?.conditions.length ?? 1);
  return (
    <Stack gap="md">
      <Group gap="sm">
        <SearchBox search={wanted.search ?? ""} onSearch={(search) => want({ search }, true)} />
        <Button variant={conditions > 0 ? "light" : "default"} leftSection={<Icon name="filter" size={16} />} aria-expanded={filtering} onClick={filter.toggle}>
          {conditions > 0 ? words.filters(conditions) : words.filter}
        </Button>
        <Text size="xs" c="dimmed" role="status" ml="auto">
          {query.isSuccess && words.loaded(records.length, query.hasNextPage)}
        </Text>
      </Group>
      {filtering && <FilterBuilder key={wanted.filter} table={table} filter={wanted.filter} onApply={(json) => want({ filter: json })} />}
      {changed.stale && (
        <Group gap="sm" role="status">
          <Text size="sm">{words.stale}</Text>
          <Button size="compact-sm" variant="light" onClick={changed.look}>
            {words.look}
          </Button>
        </Group>
      )}
      <Loaded query={query} skeleton={{ height: 44, rows: 6 }}>
        {() =>
          records.length === 0 ? (
            <Nothing narrowed={wanted.filter !== undefined || wanted.search !== undefined} />
          ) : (
            <RecordGrid
              table={table}
              records={records}
              sort={wanted.sort}
              onSort={(sort) => want({ sort })}
              onEdit={may("data.record.write") ? edit : undefined}
            />
          )
        }
      </Loaded>
      <More query={query} />
      {edited && <RecordDialog key={String(edited.id)} table={table} record={edited} onClose={() => edit(null)} />}
    </Stack>
  );
}

function Foreign() {
  return (
    <div className="surface">
      <EmptyState icon="lock" title={t.data.table.foreign} hint={t.data.table.foreignHint} />
    </div>
  );
}

export function RecordsPage() {
  const { name } = route.useParams();
  const may = useMay();
  return (
    <TableFrame name={name} part="records" actions={(table) => table.access_level === "user" && <Actions table={table} />}>
      {(table) => {
        if (table.access_level !== "user") return <Foreign />;
        return may("data.record.read") ? <Records table={table} /> : <Forbidden permission="data.record.read" />;
      }}
    </TableFrame>
  );
}
