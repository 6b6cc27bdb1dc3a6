import { ActionIcon, Button, Checkbox, Group, Modal, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";

import { changeTable, RECORDS_OF, TABLES } from "../../api/data";
import { Problem, sentenceOf } from "../../api/problems";
import { useAct } from "../../api/queries";
import type { DataTable, TableChange } from "../../api/types";
import { t } from "../../messages";
import { Confirm } from "../../parts/Confirm";
import { ErrorNotice } from "../../parts/ErrorNotice";
import { Icon } from "../../parts/Icon";
import { InSight } from "../../parts/InSight";
import { useFirstFault } from "../../parts/useFirstFault";
import { ColumnFields } from "./ColumnFields";
import { added, changeOf, columnsOf, faultsOf, placed, type IndexDraft } from "./columns";

const { form: words, table: tableWords } = t.data;

interface IndexesProps {
  table: DataTable;
  dropped: readonly string[];
  fresh: readonly IndexDraft[];
  onDrop: (names: string[]) => void;
  onChange: (drafts: IndexDraft[]) => void;
}

function IndexFields({ table, dropped, fresh, onDrop, onChange }: IndexesProps) {
  const set = (key: number, part: Partial<IndexDraft>) => onChange(fresh.map((draft) => (draft.key === key ? { ...draft, ...part } : draft)));
  return (
    <Stack gap="xs" role="group" aria-label={words.indexes}>
      <Text size="sm" fw={600}>
        {words.indexes}
      </Text>
      {table.indexes.map(({ name, columns, unique }) => {
        const gone = dropped.includes(name);
        const label = columns.join(", ");
        return (
          <Group key={name} justify="space-between" wrap="nowrap" className="part" data-gone={gone}>
            <Text size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }} td={gone ? "line-through" : undefined}>
              {label}
              {unique && ` · ${tableWords.unique}`}
            </Text>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={gone ? words.undo(label) : words.remove(label)}
              onClick={() => onDrop(gone ? dropped.filter((one) => one !== name) : [...dropped, name])}
            >
              <Icon name={gone ? "replay" : "cross"} size={16} />
            </ActionIcon>
          </Group>
        );
      })}
      {fresh.map((draft) => (
        <Group key={draft.key} align="flex-end" gap="sm">
          <TextInput
            flex={1}
            label={words.indexColumns}
            description={words.indexColumnsHint}
            value={draft.columns}
            spellCheck={false}
            autoCapitalize="none"
            onChange={(event) => set(draft.key, { columns: event.currentTarget.value })}
          />
          <Checkbox mb={10} label={words.unique} checked={draft.unique} onChange={(event) => set(draft.key, { unique: event.currentTarget.checked })} />
        </Group>
      ))}
      <Button
        variant="light"
        style={{ alignSelf: "flex-start" }}
        leftSection={<Icon name="plus" size={16} />}
        onClick={() => onChange([...fresh, { key: fresh.length, columns: "", unique: false }])}
      >
        {words.addIndex}
      </Button>
    </Stack>
  );
}

function useChange(table: DataTable, onClose: () => void) {
  const [description, setDescription] = useState(table.description);
  const [columns, setColumns] = useState(() => columnsOf(table));
  const [dropIndexes, setDropIndexes] = useState<string[]>([]);
  const [indexes, setIndexes] = useState<IndexDraft[]>([]);
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [asking, setAsking] = useState(false);
  const act = useAct({
    act: (change: TableChange) => changeTable(table.name, table.version, change),
    touches: [TABLES, RECORDS_OF(table.name)],
    said: () => words.saved(table.name),
    quiet: true,
    then: onClose,
  });
  const lost = columns.filter(({ gone }) => gone).map(({ was }) => was);
  const send = () => {
    setAsking(false);
    const { keys } = added(columns);
    act.mutate(changeOf(table, { description, columns, dropIndexes, indexes }), {
      onError: (thrown) => setFaults(thrown instanceof Problem ? placed(thrown.places, keys) : {}),
    });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = faultsOf(columns);
    setFaults(found);
    if (Object.keys(found).length > 0) return;
    if (lost.length > 0 && (table.records ?? 0) > 0) setAsking(true);
    else send();
  };
  return { description, setDescription, columns, setColumns, dropIndexes, setDropIndexes, indexes, setIndexes, faults, act, lost, asking, setAsking, send, submit };
}

/** Another shape for a table that is there. What is lost with dropped columns is said before it is. */
export function ChangeTable({ table, tables, onClose }: { table: DataTable; tables: readonly DataTable[]; onClose: () => void }) {
  const form = useChange(table, onClose);
  const { act } = form;
  const place = useFirstFault(form.faults);
  const outdated = act.error instanceof Problem && act.error.status === 412;
  return (
    <Modal opened onClose={onClose} title={words.change(table.name)} size="lg" closeButtonProps={{ "aria-label": t.lists.close }}>
      <form ref={place} onSubmit={form.submit} noValidate>
        <Stack gap="md">
          <Textarea
            label={words.description}
            autosize
            minRows={1}
            value={form.description}
            error={form.faults.description}
            onChange={(event) => form.setDescription(event.currentTarget.value)}
          />
          <ColumnFields drafts={form.columns} faults={form.faults} tables={tables} onChange={form.setColumns} />
          <IndexFields table={table} dropped={form.dropIndexes} fresh={form.indexes} onDrop={form.setDropIndexes} onChange={form.setIndexes} />
          {act.isError && (
            <InSight>
              <ErrorNotice problem={outdated ? words.conflict : sentenceOf(act.error)} />
            </InSight>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={act.isPending}>
              {words.save}
            </Button>
          </Group>
        </Stack>
      </form>
      <Confirm
        opened={form.asking}
        question={words.sure}
        hint={words.sureHint(form.lost.join(", "), table.records ?? 0)}
        yes={words.yes}
        busy={false}
        onYes={form.send}
        onClose={() => form.setAsking(false)}
      />
    </Modal>
  );
}
