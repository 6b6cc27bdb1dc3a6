import { ActionIcon, Button, Checkbox, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";

import type { ColumnType, DataTable } from "../../api/types";
import { t } from "../../messages";
import { Icon } from "../../parts/Icon";
import { blankColumn, mayDefault, TYPES, type ColumnDraft } from "./columns";

const { form: words, table: tableWords } = t.data;
const TYPE_CHOICES = TYPES.map((value) => ({ value, label: tableWords.types[value] ?? value }));

interface Props {
  drafts: readonly ColumnDraft[];
  faults: Record<string, string>;
  tables: readonly DataTable[];
  onChange: (drafts: ColumnDraft[]) => void;
}

interface OneProps {
  draft: ColumnDraft;
  place: number;
  faults: Record<string, string>;
  tables: readonly DataTable[];
  set: (part: Partial<ColumnDraft>) => void;
  remove: () => void;
}

/** What a new column can be told beside its name and type. */
function Details({ draft, faults, tables, set }: Omit<OneProps, "place" | "remove">) {
  const own = tables.filter(({ access_level }) => access_level === "user").map(({ name }) => name);
  return (
    <Group gap="md" align="flex-start">
      {draft.type === "reference" && (
        <NativeSelect
          size="xs"
          label={words.references}
          data={["", ...own]}
          value={draft.references}
          error={faults[`${draft.key}/references`] ?? (own.length === 0 ? words.noTables : undefined)}
          onChange={(event) => set({ references: event.currentTarget.value })}
        />
      )}
      {mayDefault(draft) && draft.type === "boolean" && (
        <NativeSelect
          size="xs"
          label={words.default}
          data={[
            { value: "", label: t.data.records.noValue },
            { value: "true", label: t.data.records.yes },
            { value: "false", label: t.data.records.no },
          ]}
          value={draft.default}
          onChange={(event) => set({ default: event.currentTarget.value })}
        />
      )}
      {mayDefault(draft) && draft.type !== "boolean" && (
        <TextInput
          size="xs"
          label={words.default}
          type={{ date: "date", datetime: "datetime-local" }[draft.type as string] ?? "text"}
          value={draft.default}
          error={faults[`${draft.key}/default`]}
          onChange={(event) => set({ default: event.currentTarget.value })}
        />
      )}
      <Group gap="md" pt={{ base: 0, xs: 26 }}>
        <Checkbox size="xs" label={words.required} checked={draft.required} onChange={(event) => set({ required: event.currentTarget.checked })} />
        {draft.type !== "json" && (
          <Checkbox size="xs" label={words.unique} checked={draft.unique} onChange={(event) => set({ unique: event.currentTarget.checked })} />
        )}
      </Group>
    </Group>
  );
}

function ColumnFieldset({ draft, place, faults, tables, set, remove }: OneProps) {
  const known = draft.was !== undefined;
  const label = draft.name || words.column(place + 1);
  return (
    <fieldset className="part" data-gone={draft.gone} aria-label={label}>
      <Stack gap="xs">
        <Group align="flex-start" wrap="nowrap" gap="xs">
          <TextInput
            flex={1}
            miw={0}
            label={known ? words.newName : words.columnName}
            value={draft.name}
            disabled={draft.gone}
            error={faults[`${draft.key}/name`]}
            spellCheck={false}
            autoCapitalize="none"
            onChange={(event) => set({ name: event.currentTarget.value })}
          />
          {known ? (
            <Text size="sm" c="dimmed" pt={32} miw={90}>
              {tableWords.types[draft.type]}
            </Text>
          ) : (
            <NativeSelect
              w={{ base: 118, xs: 160 }}
              label={words.type}
              data={TYPE_CHOICES}
              value={draft.type}
              error={faults[`${draft.key}/type`]}
              onChange={(event) => set({ type: event.currentTarget.value as ColumnType, default: "" })}
            />
          )}
          <ActionIcon
            mt={27}
            size="lg"
            variant="subtle"
            color="gray"
            aria-label={draft.gone ? words.undo(label) : words.remove(label)}
            title={draft.gone ? words.undo(label) : words.remove(label)}
            onClick={remove}
          >
            <Icon name={draft.gone ? "replay" : "cross"} size={16} />
          </ActionIcon>
        </Group>
        {draft.gone && (
          <Text size="xs" c="red">
            {words.willGo}
          </Text>
        )}
        {!known && <Details draft={draft} faults={faults} tables={tables} set={set} />}
        {["required", "unique"].map((field) => faults[`${draft.key}/${field}`]).filter(Boolean).map((said) => (
          <Text key={said} size="xs" c="red" role="alert">
            {said}
          </Text>
        ))}
      </Stack>
    </fieldset>
  );
}

/** The columns of a table that is made or changed. One that is there keeps its type; one that goes stays in sight until then. */
export function ColumnFields({ drafts, faults, tables, onChange }: Props) {
  const set = (key: number) => (part: Partial<ColumnDraft>) => onChange(drafts.map((draft) => (draft.key === key ? { ...draft, ...part } : draft)));
  const remove = (draft: ColumnDraft) => () =>
    draft.was === undefined ? onChange(drafts.filter(({ key }) => key !== draft.key)) : set(draft.key)({ gone: !draft.gone });
  const nextKey = Math.max(-1, ...drafts.map(({ key }) => key)) + 1;
  return (
    <Stack gap="sm" role="group" aria-label={words.columns}>
      {drafts.map((draft, place) => (
        <ColumnFieldset key={draft.key} {...{ draft, place, faults, tables }} set={set(draft.key)} remove={remove(draft)} />
      ))}
      {faults.columns && (
        <Text size="sm" c="red" role="alert">
          {faults.columns}
        </Text>
      )}
      <Button
        variant="light"
        style={{ alignSelf: "flex-start" }}
        leftSection={<Icon name="plus" size={16} />}
        onClick={() => onChange([...drafts, blankColumn(nextKey)])}
      >
        {words.add}
      </Button>
    </Stack>
  );
}
