import { Button, Group, Modal, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";

import { ACCESS, dropTable, TABLES, tablesQuery } from "../api/data";
import { sentenceOf } from "../api/problems";
import { useAct } from "../api/queries";
import type { DataColumn, DataIndex, DataTable } from "../api/types";
import { t } from "../messages";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Facts } from "../parts/Facts";
import { Figures, type Column } from "../parts/Figures";
import { When } from "../parts/When";
import { useMay } from "../session/useMay";
import { ChangeTable } from "./data/ChangeTable";
import { rulesOf } from "./data/columns";
import { TableFrame } from "./data/TableFrame";
import { Principal } from "./events/Who";

const route = getRouteApi("/signed-in/data/tables/$name/structure");
const { table: words, tables: listWords, form: formWords } = t.data;

const typeWords = ({ type, references }: DataColumn) =>
  references === null ? (words.types[type] ?? type) : words.referenceTo(references);

const COLUMNS: readonly Column<DataColumn>[] = [
  { label: formWords.columnName, cell: ({ name }) => <span className="figure-name">{name}</span> },
  { label: words.type, cell: typeWords },
];
const RULES: Column<DataColumn> = { label: words.rules, cell: (column) => rulesOf(column).join(", ") || "–" };

const INDEXES: readonly Column<DataIndex>[] = [
  { label: words.columns, cell: ({ columns }) => <span className="figure-name">{columns.join(", ")}</span> },
  { label: words.rules, cell: ({ unique }) => (unique ? words.unique : "–") },
  { label: words.index, cell: ({ name }) => <span className="figure-name">{name}</span> },
];

/** Asked by its name: a table is more than one record, and nothing brings it back. */
function DropTable({ table, onClose }: { table: DataTable; onClose: () => void }) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const drop = useAct({
    act: () => dropTable(table.name, table.version),
    touches: [TABLES, ACCESS],
    said: () => words.dropped(table.name),
    quiet: true,
    then: () => void navigate({ to: "/data" }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed === table.name) drop.mutate(undefined);
  };
  return (
    <Modal opened onClose={onClose} title={words.sureDrop(table.name)} closeButtonProps={{ "aria-label": t.lists.close }}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <Text size="sm">{words.sureDropHint(table.name, table.records ?? 0)}</Text>
          <TextInput
            label={words.typeName}
            value={typed}
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="none"
            data-autofocus
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          {drop.isError && <ErrorNotice problem={sentenceOf(drop.error)} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" color="red" loading={drop.isPending} disabled={typed !== table.name}>
              {words.drop}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function About({ table }: { table: DataTable }) {
  const facts = [
    { label: listWords.owner, value: <Principal name={table.owner} /> },
    { label: listWords.level, value: listWords.levelHints[table.access_level] },
    ...(table.project === null ? [] : [{ label: listWords.project, value: table.project }]),
    ...(table.records === null ? [] : [{ label: words.records, value: table.records.toLocaleString() }]),
    ...(table.created_at === null ? [] : [{ label: words.created, value: <When at={table.created_at} style="exact" /> }]),
    ...(table.updated_at === null ? [] : [{ label: words.changed, value: <When at={table.updated_at} style="exact" /> }]),
  ];
  return (
    <Stack component="section" className="surface" p="lg" gap="sm" aria-labelledby="about">
      <Title order={2} id="about">
        {words.facts}
      </Title>
      <Facts facts={facts} />
    </Stack>
  );
}

function Structure({ table }: { table: DataTable }) {
  const own = table.access_level === "user";
  return (
    <Stack gap="lg">
      <About table={table} />
      <Stack component="section" className="surface" p="lg" gap="sm" aria-labelledby="columns">
        <Title order={2} id="columns">
          {words.columns}
        </Title>
        <Figures labelledBy="columns" columns={own ? [...COLUMNS, RULES] : COLUMNS} rows={table.columns} keyOf={({ name }) => name} />
        {own && (
          <Text size="xs" c="dimmed">
            {words.id}
          </Text>
        )}
      </Stack>
      {own && (
        <Stack component="section" className="surface" p="lg" gap="sm" aria-labelledby="indexes">
          <Title order={2} id="indexes">
            {words.indexes}
          </Title>
          <Figures labelledBy="indexes" columns={INDEXES} rows={table.indexes} keyOf={({ name }) => name} />
        </Stack>
      )}
    </Stack>
  );
}

function Actions({ table }: { table: DataTable }) {
  const tables = useQuery(tablesQuery);
  const [changing, change] = useDisclosure(false);
  const [dropping, drop] = useDisclosure(false);
  return (
    <>
      <Button variant="subtle" color="red" onClick={drop.open}>
        {words.drop}
      </Button>
      <Button onClick={change.open}>{words.change}</Button>
      {changing && <ChangeTable table={table} tables={tables.data ?? []} onClose={change.close} />}
      {dropping && <DropTable table={table} onClose={drop.close} />}
    </>
  );
}

export function StructurePage() {
  const { name } = route.useParams();
  const may = useMay();
  const actions = (table: DataTable) => may("data.table.write") && table.access_level === "user" && <Actions table={table} />;
  return (
    <TableFrame name={name} part="structure" actions={actions}>
      {(table) => <Structure table={table} />}
    </TableFrame>
  );
}
