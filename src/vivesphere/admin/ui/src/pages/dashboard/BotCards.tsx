import { Avatar, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";

import { answer, client } from "../../api/client";
import { botsQuery, useAct } from "../../api/queries";
import type { Account, Bot } from "../../api/types";
import { t } from "../../messages";
import { ButtonLink } from "../../parts/ButtonLink";
import { EmptyState } from "../../parts/EmptyState";
import { Growing } from "../../parts/Growing";
import { Icon } from "../../parts/Icon";
import { Loaded } from "../../parts/Loaded";
import { State } from "../../parts/State";
import { AddAccount } from "./AddAccount";

const STOPPABLE = new Set(["connecting", "connected", "waiting"]);

function AccountRow({ bot, account }: { bot: Bot; account: Account }) {
  const running = STOPPABLE.has(account.state);
  const platform = t.bots.platforms[account.platform] ?? account.platform;
  const path = { bot_id: bot.id, account_id: account.id };
  const toggle = useAct({
    act: () =>
      answer(
        running
          ? client.POST("/api/v1/bots/{bot_id}/accounts/{account_id}/stop", { params: { path } })
          : client.POST("/api/v1/bots/{bot_id}/accounts/{account_id}/start", { params: { path } }),
      ),
    touches: [["bots"]],
  });
  return (
    <Group justify="space-between" wrap="nowrap" gap="sm" py={8} style={{ borderTop: "1px solid var(--vive-line)" }}>
      <Stack gap={2} miw={0}>
        <Group gap="sm">
          <Text size="sm" fw={550}>
            {platform}
          </Text>
          <State state={account.state} words={t.bots.states} />
        </Group>
        {account.detail && (
          <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {account.detail}
          </Text>
        )}
      </Stack>
      <Button
        size="compact-sm"
        variant={running ? "default" : "light"}
        leftSection={<Icon name={running ? "stop" : "play"} size={14} />}
        loading={toggle.isPending}
        onClick={() => toggle.mutate(undefined)}
        aria-label={running ? t.bots.stopAccount(platform, bot.name) : t.bots.startAccount(platform, bot.name)}
        style={{ flex: "none" }}
      >
        {running ? t.bots.stop : t.bots.start}
      </Button>
    </Group>
  );
}

function BotCard({ bot }: { bot: Bot }) {
  const [adding, add] = useDisclosure(false);
  return (
    <Stack component="article" className="surface" p="lg" gap="md" aria-label={bot.name}>
      <Group justify="space-between" wrap="nowrap">
        <Group gap="sm" wrap="nowrap" miw={0}>
          <Avatar name={bot.name} color="vive" radius="md" size={44} aria-hidden />
          <div style={{ minWidth: 0 }}>
            <Title order={3} fz="md" lineClamp={1}>
              {bot.name}
            </Title>
            <Text size="xs" c="dimmed">
              {t.bots.commandsWith(bot.prefix)}
            </Text>
          </div>
        </Group>
        <ButtonLink
          to="/chat"
          search={{ bot: bot.id }}
          size="sm"
          leftSection={<Icon name="chat" size={16} />}
          aria-label={t.bots.chatWith(bot.name)}
          style={{ flex: "none" }}
        >
          {t.bots.chat}
        </ButtonLink>
      </Group>
      <div>
        {bot.accounts.map((account) => (
          <AccountRow key={account.id} bot={bot} account={account} />
        ))}
        {bot.accounts.length === 0 && (
          <Text size="sm" c="dimmed">
            {t.bots.noAccounts}
          </Text>
        )}
        <Button
          variant="subtle"
          size="compact-sm"
          mt={8}
          ml={-8}
          leftSection={<Icon name="plus" size={14} />}
          onClick={add.open}
          aria-label={t.bots.addAccountTo(bot.name)}
        >
          {t.bots.addAccount}
        </Button>
      </div>
      <AddAccount bot={bot} opened={adding} onClose={add.close} />
    </Stack>
  );
}

export function BotCards({ onCreate }: { onCreate: () => void }) {
  const bots = useQuery(botsQuery);
  return (
    <Stack component="section" gap="sm" aria-labelledby="bots-title">
      <Title order={2} id="bots-title" className="section-title">
        {t.dashboard.bots}
      </Title>
      <Loaded query={bots} skeleton={{ height: 150, rows: 2 }}>
        {(items) =>
          items.length === 0 ? (
            <div className="surface">
              <EmptyState icon="bot" title={t.bots.none} hint={t.bots.noneHint}>
                <Button onClick={onCreate}>{t.bots.new}</Button>
              </EmptyState>
            </div>
          ) : (
            <Growing items={items}>{(shown) => shown.map((bot) => <BotCard key={bot.id} bot={bot} />)}</Growing>
          )
        }
      </Loaded>
    </Stack>
  );
}
