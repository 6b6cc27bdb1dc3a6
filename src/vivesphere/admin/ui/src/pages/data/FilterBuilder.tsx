import { ActionIcon, Button, Group, NativeSelect, Stack, Text, TextInput, VisuallyHidden } from "@mantine/core";
import { useState, type FormEvent } from "react";

import type { DataTable } from "../../api/types";
import { t } from "../../messages";
import { Icon } from "../../parts/Icon";
import { JsonBlock } from "../../parts/JsonBlock";
import { needsValue, OF_EVERY_TABLE, operatorsFor, readBack, written, type Condition, type Filter } from "./conditions";

const { filter: words } = t.data;

type Field = { name: string; type: string };

export const fieldsOf = (table: DataTable): Field[] => [...table.columns, ...OF_EVERY_TABLE];

const operatorWords = (type: string, operator: string): string =>
  (type === "date" || type === "datetime" ? words.moments[operator] : undefined) ?? words.operators[operator] ?? operator;

interface LineProps {
  fields: readonly Field[];
  condition: Condition;
  problem?: string;
  set: (condition: Condition) => void;
  remove: () => void;
}

function Line({ fields, condition, problem, set, remove }: LineProps) {
  const type = fields.find(({ name }) => name === condition.column)?.type ?? "text";
  const types: Record<string, string> = { date: "date", datetime: "datetime-local" };
  const list = condition.operator === "$in" || condition.operator === "$nin";
  const turn = (column: string) => {
    const next = fields.find(({ name }) => name === column)?.type ?? "text";
    set({ column, operator: operatorsFor(next)[0] ?? "filled", value: "" });
  };
  return (
    <Group gap="xs" align="flex-start" className="condition">
      <NativeSelect
        aria-label={words.column}
        data={fields.map(({ name }) => name)}
        value={condition.column}
        onChange={(event) => turn(event.currentTarget.value)}
      />
      <NativeSelect
        aria-label={words.operator}
        data={operatorsFor(type).map((operator) => ({ value: operator, label: operatorWords(type, operator) }))}
        value={condition.operator}
        onChange={(event) => set({ ...condition, operator: event.currentTarget.value })}
      />
      {needsValue(condition.operator) && (
        <TextInput
          flex={1}
          miw={150}
          aria-label={words.value}
          placeholder={list ? words.listHint : undefined}
          type={list ? "text" : (types[type] ?? "text")}
          step={type === "datetime" ? 1 : undefined}
          value={condition.value}
          error={problem}
          onChange={(event) => set({ ...condition, value: event.currentTarget.value })}
        />
      )}
      <ActionIcon size="lg" variant="subtle" color="gray" aria-label={words.remove(condition.column)} onClick={remove}>
        <Icon name="cross" size={16} />
      </ActionIcon>
    </Group>
  );
}

interface Props {
  table: DataTable;
  filter?: string;
  onApply: (filter?: string) => void;
}

/** A filter that says more than the form can is shown as it is, and can be taken away. */
function RawFilter({ filter, onApply }: Omit<Props, "table">) {
  return (
    <Stack className="surface" p="md" gap="sm">
      <Text size="sm">{words.raw}</Text>
      <JsonBlock value={filter} label={words.title} />
      <Button variant="default" style={{ alignSelf: "flex-start" }} onClick={() => onApply(undefined)}>
        {words.clear}
      </Button>
    </Stack>
  );
}

/** The filter form. It is given a `key` of the filter in the address, so that the back button fills it in anew. */
export function FilterBuilder({ table, filter, onApply }: Props) {
  const fields = fieldsOf(table);
  const read = readBack(fields, filter);
  const first = (): Condition => ({ column: fields[0]?.name ?? "id", operator: operatorsFor(fields[0]?.type ?? "id")[0] ?? "$eq", value: "" });
  const [draft, setDraft] = useState<Filter>(() => (read?.conditions.length ? read : { match: "all", conditions: [first()] }));
  const [problems, setProblems] = useState<Record<number, string>>({});
  if (read === null) return <RawFilter filter={filter} onApply={onApply} />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const made = written(fields, draft);
    setProblems(made.problems);
    if (Object.keys(made.problems).length === 0) onApply(made.json);
  };
  const change = (conditions: Condition[]) => setDraft({ ...draft, conditions });
  return (
    <form className="surface filter-form" aria-label={words.title} onSubmit={submit} noValidate>
      <Group gap="xs">
        <Text size="sm">{words.match}</Text>
        <NativeSelect
          size="xs"
          aria-label={words.match}
          data={[
            { value: "all", label: words.all },
            { value: "any", label: words.any },
          ]}
          value={draft.match}
          onChange={(event) => setDraft({ ...draft, match: event.currentTarget.value as Filter["match"] })}
        />
      </Group>
      <Stack gap="sm">
        {draft.conditions.map((condition, place) => (
          <Line
            // Lines have no name of their own; one that goes takes its place with it.
            key={place}
            fields={fields}
            condition={condition}
            problem={problems[place]}
            set={(next) => change(draft.conditions.with(place, next))}
            remove={() => change(draft.conditions.toSpliced(place, 1))}
          />
        ))}
        {draft.conditions.length === 0 && <VisuallyHidden>{words.clear}</VisuallyHidden>}
      </Stack>
      <Group justify="space-between" gap="sm">
        <Button variant="light" leftSection={<Icon name="plus" size={16} />} onClick={() => change([...draft.conditions, first()])}>
          {words.add}
        </Button>
        <Group gap="sm">
          <Button variant="default" onClick={() => onApply(undefined)}>
            {words.clear}
          </Button>
          <Button type="submit">{words.apply}</Button>
        </Group>
      </Group>
    </form>
  );
}
