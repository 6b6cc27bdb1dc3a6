import { NativeSelect, Switch, Textarea, TextInput } from "@mantine/core";

import { t } from "../messages";
import type { Draft, Field } from "./schema";

interface Props {
  fields: readonly Field[];
  draft: Draft;
  problems: Record<string, string>;
  onChange: (draft: Draft) => void;
  /** Whether plain text may have several lines; then Enter does not submit the form. */
  multiline?: boolean;
}

interface ControlProps {
  field: Field;
  value: string | boolean;
  problem?: string;
  multiline: boolean;
  set: (value: string | boolean) => void;
}

const MONO = { input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } };

const INPUT_MODES: Record<string, "numeric" | "decimal"> = { integer: "numeric", number: "decimal" };

function Control({ field, value, problem, multiline, set }: ControlProps) {
  const description = [field.description, field.kind === "lines" ? t.tools.oneALine : ""].filter(Boolean).join(" ");
  const shared = { label: field.label, description: description || undefined, error: problem, withAsterisk: field.required };
  if (field.kind === "switch") {
    return (
      <Switch
        label={field.label}
        description={description || undefined}
        error={problem}
        checked={value === true}
        onChange={(event) => set(event.currentTarget.checked)}
      />
    );
  }
  const props = { ...shared, value: String(value), onChange: (event: { currentTarget: { value: string } }) => set(event.currentTarget.value) };
  if (field.kind === "choice") return <NativeSelect {...props} data={field.required ? field.choices : ["", ...field.choices]} />;
  if (field.kind === "lines") return <Textarea {...props} autosize minRows={2} />;
  if (field.kind === "json") return <Textarea {...props} autosize minRows={3} maxRows={16} styles={MONO} spellCheck={false} />;
  if (field.kind === "text" && multiline) return <Textarea {...props} autosize minRows={1} maxRows={10} />;
  return <TextInput {...props} inputMode={INPUT_MODES[field.kind] ?? "text"} />;
}

/** The fields of a form that a JSON Schema describes. */
export function SchemaFields({ fields, draft, problems, onChange, multiline = false }: Props) {
  return fields.map((field) => (
    <Control
      key={field.name}
      field={field}
      value={draft[field.name] ?? ""}
      problem={problems[field.name]}
      multiline={multiline}
      set={(value) => onChange({ ...draft, [field.name]: value })}
    />
  ));
}
