import { Button, NativeSelect, Switch, Textarea, TextInput } from "@mantine/core";

import type { DataColumn } from "../../api/types";
import { t } from "../../messages";
import { ReferencePicker } from "./ReferencePicker";

const { record: words, records: listWords, table: tableWords } = t.data;
const MONO = { input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } };
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Props {
  column: DataColumn;
  value: string;
  problem?: string;
  /** What the record says by now, where somebody else changed it meanwhile. */
  theirs?: string;
  set: (value: string) => void;
}

/** The same JSON, laid out; what is none stays as it is. */
function tidied(typed: string): string {
  try {
    return JSON.stringify(JSON.parse(typed), null, 2);
  } catch {
    return typed;
  }
}

function hintOf({ type, required }: DataColumn): string {
  const parts = [type !== "text" && tableWords.types[type], type === "datetime" && words.zone(ZONE), !required && words.empty];
  return parts.filter(Boolean).join(" · ");
}

/** The field of one column, by its type. */
export function ValueField({ column, value, problem, theirs, set }: Props) {
  const { name, type, required } = column;
  const error = [problem, theirs !== undefined && words.theirs(theirs || listWords.noValue)].filter(Boolean).join(" ") || undefined;
  const onChange = (event: { currentTarget: { value: string } }) => set(event.currentTarget.value);
  // The asterisk is what tells; a browser's own bubbles would not be translated.
  const shared = { label: name, description: hintOf(column) || undefined, error, withAsterisk: required && type !== "text" };
  if (type === "boolean" && required) {
    return <Switch label={name} error={error} checked={value === "true"} onChange={(event) => set(String(event.currentTarget.checked))} />;
  }
  if (type === "boolean") {
    const choices = [
      { value: "", label: listWords.noValue },
      { value: "true", label: listWords.yes },
      { value: "false", label: listWords.no },
    ];
    return <NativeSelect {...shared} description={undefined} data={choices} value={value} onChange={onChange} />;
  }
  if (type === "reference" && column.references !== null) {
    return <ReferencePicker {...shared} table={column.references} value={value} set={set} />;
  }
  if (type === "json") {
    return (
      <div>
        <Textarea {...shared} value={value} onChange={onChange} autosize minRows={2} maxRows={14} styles={MONO} spellCheck={false} />
        <Button variant="subtle" size="compact-xs" mt={4} onClick={() => set(tidied(value))}>
          {words.check}
        </Button>
      </div>
    );
  }
  if (type === "text") return <Textarea {...shared} value={value} onChange={onChange} autosize minRows={1} maxRows={10} />;
  const types: Record<string, string> = { date: "date", datetime: "datetime-local" };
  return (
    <TextInput
      {...shared}
      value={value}
      onChange={onChange}
      type={types[type] ?? "text"}
      step={type === "datetime" ? 1 : undefined}
      inputMode={type === "integer" ? "numeric" : type === "number" ? "decimal" : undefined}
    />
  );
}
