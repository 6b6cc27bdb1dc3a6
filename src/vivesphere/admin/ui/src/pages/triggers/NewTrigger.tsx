import { Button, Group, Modal, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { answer, client } from "../../api/client";
import { plansQuery, useAct } from "../../api/queries";
import { t } from "../../messages";

interface Wish {
  name: string;
  schedule: { cron: string; timezone: string };
  action: { kind: "plan"; plan_id: string };
}

export function NewTrigger({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const plans = useQuery({ ...plansQuery, enabled: opened });
  const create = useAct({
    act: (body: Wish) => answer(client.POST("/api/v1/triggers", { body })),
    touches: [["triggers"]],
    said: (trigger) => t.triggers.created(trigger.name),
    then: onClose,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const typed = (name: string) => String(fields.get(name)).trim();
    create.mutate({
      name: typed("name"),
      schedule: { cron: typed("cron"), timezone: typed("timezone") },
      action: { kind: "plan", plan_id: typed("plan") },
    });
  };
  const choices = (plans.data ?? []).map(({ id, name }) => ({ value: id, label: name }));
  const empty = plans.isSuccess && choices.length === 0;
  return (
    <Modal opened={opened} onClose={onClose} title={t.triggers.new} closeButtonProps={{ "aria-label": t.lists.close }}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <TextInput name="name" label={t.triggers.name} required data-autofocus />
          <TextInput name="cron" label={t.triggers.cron} description={t.triggers.cronHint} defaultValue="0 9 * * *" required />
          <TextInput
            name="timezone"
            label={t.triggers.timezone}
            defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC"}
            required
          />
          <NativeSelect name="plan" label={t.triggers.plan} data={choices} error={empty ? t.triggers.noPlans : null} required />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={create.isPending} disabled={choices.length === 0}>
              {t.triggers.create}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
