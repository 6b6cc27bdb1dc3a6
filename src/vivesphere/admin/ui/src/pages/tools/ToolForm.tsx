import { Button, Group, SegmentedControl, Stack, Switch, Text, Textarea, Title } from "@mantine/core";
import { useState, type FormEvent } from "react";

import type { Json, Tool } from "../../api/types";
import { t } from "../../messages";
import { Icon } from "../../parts/Icon";
import { SchemaFields } from "../../parts/SchemaFields";
import { blank, collect, draftOf, fieldsOf, type Draft } from "../../parts/schema";

interface Props {
  tool: Tool;
  running: boolean;
  run: (call: { arguments: Record<string, Json>; dry_run: boolean }) => void;
}

type View = "form" | "json";

function objectFrom(json: string): Record<string, Json> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, Json>) : null;
  } catch {
    return null;
  }
}

/** The two ways to write a tool's arguments. Changing the view carries over what was written. */
function useArguments(tool: Tool) {
  const fields = fieldsOf(tool.parameters);
  const [view, setView] = useState<View>("form");
  const [draft, setDraft] = useState<Draft>(() => blank(fields));
  const [json, setJson] = useState("{}");
  const [problems, setProblems] = useState<Record<string, string>>({});

  const read = (): Record<string, Json> | null => {
    if (view === "json") {
      const values = objectFrom(json);
      setProblems(values ? {} : { json: t.tools.jsonInvalid });
      return values;
    }
    const found = collect(fields, draft);
    setProblems(found.problems);
    return Object.keys(found.problems).length === 0 ? found.values : null;
  };
  const turn = (next: View) => {
    setProblems({});
    if (next === "json") setJson(JSON.stringify(collect(fields, draft).values, null, 2));
    else setDraft(draftOf(fields, objectFrom(json) ?? {}));
    setView(next);
  };
  return { fields, view, turn, draft, setDraft, json, setJson, problems, read };
}

export function ToolForm({ tool, running, run }: Props) {
  const form = useArguments(tool);
  const [dryRun, setDryRun] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = form.read();
    if (read) run({ arguments: read, dry_run: dryRun });
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack className="surface" p="lg" gap="md">
        <Group justify="space-between">
          <Title order={2}>{t.tools.arguments}</Title>
          <SegmentedControl
            size="xs"
            aria-label={t.tools.arguments}
            value={form.view}
            onChange={(next) => form.turn(next as View)}
            data={[
              { value: "form", label: t.tools.form },
              { value: "json", label: t.tools.json },
            ]}
          />
        </Group>
        {form.view === "form" && form.fields.length === 0 && (
          <Text size="sm" c="dimmed">
            {t.tools.noArguments}
          </Text>
        )}
        {form.view === "form" ? (
          <SchemaFields multiline fields={form.fields} draft={form.draft} problems={form.problems} onChange={form.setDraft} />
        ) : (
          <Textarea
            aria-label={t.tools.json}
            autosize
            minRows={6}
            maxRows={20}
            spellCheck={false}
            value={form.json}
            error={form.problems.json}
            onChange={(event) => form.setJson(event.currentTarget.value)}
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
          />
        )}
        <Group justify="space-between" gap="md" pt="xs">
          <Switch
            label={t.tools.dryRun}
            description={t.tools.dryRunHint}
            checked={dryRun}
            onChange={(event) => setDryRun(event.currentTarget.checked)}
          />
          <Button type="submit" leftSection={<Icon name="play" size={16} />} loading={running}>
            {t.tools.run}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
