import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { changeRecord, createRecord, deleteRecord, recordQuery, RECORDS_OF, TABLES } from "../../api/data";
import { Problem, sentenceOf } from "../../api/problems";
import { useAct } from "../../api/queries";
import type { DataTable, TableRecord } from "../../api/types";
import { t } from "../../messages";
import { Confirm } from "../../parts/Confirm";
import { ErrorNotice } from "../../parts/ErrorNotice";
import { Icon } from "../../parts/Icon";
import { InSight } from "../../parts/InSight";
import { notifyDone } from "../../parts/notify";
import { useFirstFault } from "../../parts/useFirstFault";
import { shown } from "./Cell";
import { blankOf, collect, formOf, type Draft } from "./values";
import { ValueField } from "./ValueField";

const { record: words } = t.data;

interface Props {
  table: DataTable;
  /** The record to edit; without one, a new one is made. */
  record?: TableRecord;
  onClose: () => void;
}

/** `/name` → `name`: what the server finds is said at the field it means. */
function atFields(thrown: unknown): Record<string, string> {
  if (!(thrown instanceof Problem)) return {};
  return Object.fromEntries(Object.entries(thrown.places).map(([pointer, detail]) => [pointer.slice(1), detail]));
}

const isStatus = (thrown: unknown, status: number) => thrown instanceof Problem && thrown.status === status;

/** The form of a record: what was seen, what is typed, and what somebody else made of it meanwhile. */
function useRecordForm({ table, record, onClose }: Props) {
  const queries = useQueryClient();
  const { columns, name } = table;
  const [seen, setSeen] = useState(record);
  const [current, setCurrent] = useState<TableRecord | null>(null);
  const [draft, setDraft] = useState<Draft>(() => (record ? formOf(columns, record) : blankOf(columns)));
  const [problems, setProblems] = useState<Record<string, string>>({});
  const save = useAct({
    act: ({ values, over }: { values: TableRecord; over?: TableRecord }) =>
      seen ? changeRecord(name, String(seen.id), Number((over ?? seen).version), values) : createRecord(name, values),
    touches: [RECORDS_OF(name), TABLES],
    said: () => (record ? words.saved : words.created),
    quiet: true,
    then: onClose,
  });
  const refused = async (thrown: unknown) => {
    setProblems(atFields(thrown));
    if (!seen || !isStatus(thrown, 412)) return;
    // Should it be gone by now, the sentence about that takes the place of this one.
    setCurrent(await queries.fetchQuery({ ...recordQuery(name, String(seen.id)), staleTime: 0 }).catch(() => null));
  };
  const send = (over?: TableRecord) => {
    const found = collect(columns, draft, seen && formOf(columns, seen));
    setProblems(found.problems);
    if (Object.keys(found.problems).length > 0) return;
    if (seen && Object.keys(found.values).length === 0) {
      notifyDone(words.unchanged);
      onClose();
    } else save.mutate({ values: found.values, over }, { onError: (thrown) => void refused(thrown) });
  };
  const takeTheirs = () => {
    if (current === null) return;
    setSeen(current);
    setDraft(formOf(columns, current));
    setCurrent(null);
    save.reset();
    void queries.invalidateQueries({ queryKey: RECORDS_OF(name) });
  };
  return { seen, current, draft, setDraft, problems, save, send, takeTheirs };
}

function Conflict({ onTheirs, onMine, busy }: { onTheirs: () => void; onMine: () => void; busy: boolean }) {
  return (
    <Alert color="amber" icon={<Icon name="alert" />} title={words.conflict} role="alert">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{words.conflictHint}</Text>
        <Group gap="sm">
          <Button size="compact-sm" variant="default" onClick={onTheirs}>
            {words.takeTheirs}
          </Button>
          <Button size="compact-sm" color="red" variant="light" loading={busy} onClick={onMine}>
            {words.keepMine}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}

function DeleteButton({ table, record, onClose }: Required<Props>) {
  const [asking, setAsking] = useState(false);
  const remove = useAct({
    act: () => deleteRecord(table.name, String(record.id), Number(record.version)),
    touches: [RECORDS_OF(table.name), TABLES],
    said: () => words.deleted,
    then: onClose,
  });
  return (
    <>
      <Button variant="subtle" color="red" mr="auto" onClick={() => setAsking(true)}>
        {words.delete}
      </Button>
      <Confirm
        opened={asking}
        question={words.sureDelete}
        hint={words.sureDeleteHint}
        yes={words.delete}
        busy={remove.isPending}
        onYes={() => remove.mutate(undefined, { onError: () => setAsking(false) })}
        onClose={() => setAsking(false)}
      />
    </>
  );
}

/** Only what others made different from what was seen is worth a second look. */
function theirsOf(name: string, type: string, seen?: TableRecord, current?: TableRecord | null): string | undefined {
  if (!seen || !current || JSON.stringify(seen[name]) === JSON.stringify(current[name])) return undefined;
  return shown(type, current[name]);
}

export function RecordDialog({ table, record, onClose }: Props) {
  const { seen, current, draft, setDraft, problems, save, send, takeTheirs } = useRecordForm({ table, record, onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (current === null) send();
  };
  const form = useFirstFault(problems);
  const gone = isStatus(save.error, 404);
  return (
    <Modal opened onClose={onClose} title={record ? words.edit : words.new} size="lg" closeButtonProps={{ "aria-label": t.lists.close }}>
      <form ref={form} onSubmit={submit} noValidate>
        <Stack gap="md">
          {seen && (
            <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
              {words.facts(String(seen.id), Number(seen.version))}
            </Text>
          )}
          {table.columns.map((column) => (
            <ValueField
              key={column.name}
              column={column}
              value={draft[column.name] ?? ""}
              problem={problems[column.name]}
              theirs={theirsOf(column.name, column.type, seen, current)}
              set={(value) => setDraft((before) => ({ ...before, [column.name]: value }))}
            />
          ))}
          {current && (
            <InSight>
              <Conflict onTheirs={takeTheirs} onMine={() => send(current)} busy={save.isPending} />
            </InSight>
          )}
          {save.isError && !current && (
            <InSight>
              <ErrorNotice problem={gone ? words.gone : sentenceOf(save.error)} />
            </InSight>
          )}
          <Group justify="flex-end">
            {seen && record && <DeleteButton table={table} record={seen} onClose={onClose} />}
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={current !== null}>
              {record ? words.save : words.create}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
