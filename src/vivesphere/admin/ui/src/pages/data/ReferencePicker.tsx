import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";

import { choicesQuery, recordQuery, tableQuery } from "../../api/data";
import { t } from "../../messages";
import { titleOf } from "./values";

const { record: words } = t.data;

interface Props {
  label: string;
  description?: ReactNode;
  error?: ReactNode;
  withAsterisk?: boolean;
  table: string;
  value: string;
  set: (value: string) => void;
}

/** A record of another table, looked for by its texts. The one that is chosen is among the choices, whatever is typed. */
export function ReferencePicker({ table, value, set, ...field }: Props) {
  const [typed, setTyped] = useState("");
  const [search] = useDebouncedValue(typed, 200);
  const shape = useQuery(tableQuery(table));
  const chosen = useQuery({ ...recordQuery(table, value), enabled: value !== "", staleTime: 60_000 });
  const columns = shape.data?.columns ?? [];
  const chosenTitle = chosen.data ? titleOf(columns, chosen.data) : value;
  // What stands in the box after a choice is its title, which is no search.
  const found = useQuery(choicesQuery(table, search === chosenTitle ? "" : search));
  const records = [...(chosen.data ? [chosen.data] : []), ...(found.data ?? []).filter(({ id }) => id !== value)];
  const choices = records.map((record) => ({ value: String(record.id), label: `${titleOf(columns, record)} (${String(record.id).slice(-6)})` }));
  return (
    <Select
      {...field}
      searchable
      clearable
      data={value !== "" && !chosen.data ? [{ value, label: value }, ...choices] : choices}
      // The server has searched already, in more columns than the label shows.
      filter={({ options }) => options}
      value={value || null}
      onChange={(next) => set(next ?? "")}
      onSearchChange={(next) => setTyped(next.replace(/ \([0-9a-f]{6}\)$/, ""))}
      placeholder={words.reference(table)}
      nothingFoundMessage={words.referenceNone}
      clearButtonProps={{ "aria-label": t.data.records.clear }}
      comboboxProps={{ withinPortal: true }}
    />
  );
}
