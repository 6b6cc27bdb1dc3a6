import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";

import { createTable, TABLES } from "../../api/data";
import { Problem, sentenceOf } from "../../api/problems";
import { useAct } from "../../api/queries";
import type { DataTable, TableInput } from "../../api/types";
import { t } from "../../messages";
import { ErrorNotice } from "../../parts/ErrorNotice";
import { InSight } from "../../parts/InSight";
import { useFirstFault } from "../../parts/useFirstFault";
import { ColumnFields } from "./ColumnFields";
import { added, blankColumn, faultsOf, isName, placed, type ColumnDraft } from "./columns";

const { form: words } = t.data;

/** The form of a table and what is wrong with it, by us and by the server. */
function useTableForm(onClose: () => void) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [columns, setColumns] = useState<ColumnDraft[]>(() => [blankColumn(0)]);
  const [faults, setFaults] = useState<Record<string, string>>({});
  const create = useAct({
    act: (body: TableInput) => createTable(body),
    touches: [TABLES],
    said: (made) => words.created(made.name),
    quiet: true,
    then: (made) => {
      onClose();
      void navigate({ to: "/data/tables/$name", params: { name: made.name } });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = { ...faultsOf(columns), ...(isName(name) ? {} : { name: words.badName }) };
    setFaults(found);
    if (Object.keys(found).length > 0) return;
    const { inputs, keys } = added(columns);
    create.mutate(
      { name, description, columns: inputs },
      { onError: (thrown) => setFaults(thrown instanceof Problem ? placed(thrown.places, keys) : {}) },
    );
  };
  return { name, setName, description, setDescription, columns, setColumns, faults, create, submit };
}

export function NewTable({ tables, onClose }: { tables: readonly DataTable[]; onClose: () => void }) {
  const { name, setName, description, setDescription, columns, setColumns, faults, create, submit } = useTableForm(onClose);
  const form = useFirstFault(faults);
  return (
    <Modal opened onClose={onClose} title={words.new} size="lg" closeButtonProps={{ "aria-label": t.lists.close }}>
      <form ref={form} onSubmit={submit} noValidate>
        <Stack gap="md">
          <TextInput
            label={words.name}
            description={words.nameHint}
            value={name}
            error={faults.name}
            spellCheck={false}
            autoCapitalize="none"
            data-autofocus
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Textarea
            label={words.description}
            autosize
            minRows={1}
            value={description}
            error={faults.description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <ColumnFields drafts={columns} faults={faults} tables={tables} onChange={setColumns} />
          {create.isError && (
            <InSight>
              <ErrorNotice problem={sentenceOf(create.error)} />
            </InSight>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {words.create}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
