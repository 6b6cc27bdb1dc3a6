import { Badge, Button, Group, NativeSelect, SimpleGrid, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { tablesQuery, type Level } from "../api/data";
import type { DataTable } from "../api/types";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { Growing } from "../parts/Growing";
import { Icon } from "../parts/Icon";
import { Loaded } from "../parts/Loaded";
import { When } from "../parts/When";
import { useMay } from "../session/useMay";
import { DataFrame } from "./data/DataFrame";
import { LevelBadge } from "./data/LevelBadge";
import { NewTable } from "./data/NewTable";
import { Principal } from "./events/Who";

const { tables: words } = t.data;

function OwnTable({ table }: { table: DataTable }) {
  return (
    <Link to="/data/tables/$name" params={{ name: table.name }} className="surface card-link">
      <Stack p="md" gap={6} h="100%">
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Text fw={600} size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {table.name}
          </Text>
          <Badge style={{ flex: "none" }}>{words.records(table.records ?? 0)}</Badge>
        </Group>
        <Text size="sm" c="dimmed" flex={1} lineClamp={3}>
          {table.description || table.columns.map(({ name }) => name).join(", ")}
        </Text>
        <Text size="xs" c="dimmed">
          {words.columns(table.columns.length)}
          {table.updated_at !== null && (
            <>
              {` · ${words.changed} `}
              <When at={table.updated_at} />
            </>
          )}
        </Text>
      </Stack>
    </Link>
  );
}

function OtherTable({ table }: { table: DataTable }) {
  return (
    <li className="event">
      <Link to="/data/tables/$name/structure" params={{ name: table.name }} className="row-link">
        <span className="figure-name">{table.name}</span>
        <Text size="xs" c="dimmed" component="span">
          <Principal name={table.owner} />
          {table.project !== null && ` · ${table.project}`}
          {` · ${words.columns(table.columns.length)}`}
        </Text>
        <LevelBadge level={table.access_level} />
      </Link>
    </li>
  );
}

function OwnTables({ tables, create }: { tables: readonly DataTable[]; create?: () => void }) {
  if (tables.length === 0) {
    return (
      <div className="surface">
        <EmptyState icon="data" title={words.none} hint={words.noneHint}>
          {create && <Button onClick={create}>{words.new}</Button>}
        </EmptyState>
      </div>
    );
  }
  return (
    <Growing items={tables}>
      {(shown) => (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
          {shown.map((table) => (
            <OwnTable key={table.name} table={table} />
          ))}
        </SimpleGrid>
      )}
    </Growing>
  );
}

function OtherTables({ tables }: { tables: readonly DataTable[] }) {
  const [search, setSearch] = useState("");
  const [level, setLevel] = useState<Level | "">("");
  const found = tables.filter(({ name, owner, access_level }) => `${name} ${owner}`.includes(search.trim().toLowerCase()) && (level === "" || access_level === level));
  return (
    <Stack component="section" gap="sm" aria-labelledby="other-tables">
      <div>
        <Title order={2} id="other-tables">
          {words.others}
        </Title>
        <Text size="sm" c="dimmed">
          {words.othersHint}
        </Text>
      </div>
      <Group gap="sm">
        <TextInput
          flex={1}
          maw={320}
          aria-label={words.search}
          placeholder={words.search}
          leftSection={<Icon name="search" size={16} />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <NativeSelect
          aria-label={words.level}
          value={level}
          data={[
            { value: "", label: words.everyLevel },
            { value: "protected", label: words.levels.protected ?? "" },
            { value: "locked", label: words.levels.locked ?? "" },
          ]}
          onChange={(event) => setLevel(event.currentTarget.value as Level | "")}
        />
      </Group>
      {found.length === 0 ? (
        <Text size="sm" c="dimmed">
          {words.noneMatch}
        </Text>
      ) : (
        <Growing items={found}>
          {(shown) => (
            <ul className="event-list surface first-open" aria-label={words.others}>
              {shown.map((table) => (
                <OtherTable key={table.name} table={table} />
              ))}
            </ul>
          )}
        </Growing>
      )}
    </Stack>
  );
}

function Tables({ tables, create }: { tables: readonly DataTable[]; create?: () => void }) {
  const own = tables.filter(({ access_level }) => access_level === "user");
  const others = tables.filter(({ access_level }) => access_level !== "user");
  return (
    <Stack gap="xl">
      <Stack component="section" gap="sm" aria-labelledby="own-tables">
        <Title order={2} id="own-tables">
          {words.own}
        </Title>
        <OwnTables tables={own} create={create} />
      </Stack>
      <OtherTables tables={others} />
    </Stack>
  );
}

export function TablesPage() {
  const may = useMay();
  const tables = useQuery({ ...tablesQuery, enabled: may("data.table.read") });
  const [making, make] = useDisclosure(false);
  const mayWrite = may("data.table.write");
  const button = (
    <Button leftSection={<Icon name="plus" size={16} />} onClick={make.open}>
      {words.new}
    </Button>
  );
  return (
    <DataFrame tab="/data" actions={mayWrite && button}>
      <Loaded query={tables}>{(found) => <Tables tables={found} create={mayWrite ? make.open : undefined} />}</Loaded>
      {making && <NewTable tables={tables.data ?? []} onClose={make.close} />}
    </DataFrame>
  );
}
