import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import type { FormEvent } from "react";

import { answer, client } from "../../api/client";
import { useAct } from "../../api/queries";
import { t } from "../../messages";

export function NewBot({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const create = useAct({
    act: (body: { name: string; prefix: string }) => answer(client.POST("/api/v1/bots", { body })),
    touches: [["bots"]],
    said: (bot) => t.bots.created(bot.name),
    then: onClose,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    create.mutate({ name: String(fields.get("name")).trim(), prefix: String(fields.get("prefix")).trim() });
  };
  return (
    <Modal opened={opened} onClose={onClose} title={t.bots.new} closeButtonProps={{ "aria-label": t.lists.close }}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <TextInput name="name" label={t.bots.name} description={t.bots.nameHint} required maxLength={40} data-autofocus />
          <TextInput name="prefix" label={t.bots.prefix} description={t.bots.prefixHint} defaultValue="!" required maxLength={5} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {t.bots.create}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
