import { Button, Group, Modal, NativeSelect, PasswordInput, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { answer, client } from "../../api/client";
import { platformsQuery, useAct } from "../../api/queries";
import type { Bot, Platform } from "../../api/types";
import { t } from "../../messages";
import { Loaded } from "../../parts/Loaded";
import { SchemaFields } from "../../parts/SchemaFields";
import { blank, collect, fieldsOf, type Draft } from "../../parts/schema";

interface Wish {
  platform: string;
  config: Record<string, unknown>;
  secret?: string;
}

/** Saves an account and connects it: an account that nobody started helps nobody. */
async function connect(bot: Bot, body: Wish) {
  const account = await answer(client.POST("/api/v1/bots/{bot_id}/accounts", { params: { path: { bot_id: bot.id } }, body }));
  const path = { bot_id: bot.id, account_id: account.id };
  return answer(client.POST("/api/v1/bots/{bot_id}/accounts/{account_id}/start", { params: { path } }));
}

export function useConnect(bot: Bot, then?: () => void) {
  return useAct({
    act: (body: Wish) => connect(bot, body),
    touches: [["bots"]],
    said: (account) => t.bots.connected(t.bots.platforms[account.platform] ?? account.platform),
    then,
  });
}

function AccountForm({ bot, platforms, onClose }: { bot: Bot; platforms: Platform[]; onClose: () => void }) {
  const [name, setName] = useState(platforms[0]?.name ?? "");
  const platform = platforms.find((one) => one.name === name);
  const fields = fieldsOf(platform?.config_schema);
  const [draft, setDraft] = useState<Draft>({});
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const adding = useConnect(bot, onClose);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { values, problems } = collect(fields, { ...blank(fields), ...draft });
    setWrong(problems);
    if (Object.keys(problems).length > 0) return;
    const secret = String(new FormData(event.currentTarget).get("secret") ?? "");
    adding.mutate({ platform: name, config: values, ...(secret ? { secret } : {}) });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <NativeSelect
          label={t.bots.platform}
          value={name}
          onChange={(event) => {
            setName(event.currentTarget.value);
            setDraft({});
            setWrong({});
          }}
          data={platforms.map((one) => ({ value: one.name, label: one.title }))}
        />
        <SchemaFields fields={fields} draft={{ ...blank(fields), ...draft }} problems={wrong} onChange={setDraft} />
        {platform?.secret_label && (
          <PasswordInput name="secret" label={platform.secret_label} description={t.bots.secretHint} autoComplete="off" />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t.lists.cancel}
          </Button>
          <Button type="submit" loading={adding.isPending}>
            {t.bots.connect}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

export function AddAccount({ bot, opened, onClose }: { bot: Bot; opened: boolean; onClose: () => void }) {
  const platforms = useQuery({ ...platformsQuery, enabled: opened });
  return (
    <Modal opened={opened} onClose={onClose} title={t.bots.addAccountTo(bot.name)} closeButtonProps={{ "aria-label": t.lists.close }}>
      <Loaded query={platforms}>{(items) => <AccountForm bot={bot} platforms={items} onClose={onClose} />}</Loaded>
    </Modal>
  );
}
