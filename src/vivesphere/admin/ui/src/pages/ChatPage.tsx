import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { answer, client } from "../api/client";
import { botsQuery, useAct } from "../api/queries";
import type { Account, Bot } from "../api/types";
import { t } from "../messages";
import { ButtonLink } from "../parts/ButtonLink";
import { EmptyState } from "../parts/EmptyState";
import { Loaded } from "../parts/Loaded";
import { Page } from "../shell/Page";
import { Conversation } from "./chat/Conversation";
import { useConnect } from "./dashboard/AddAccount";

const WEBCHAT = "webchat";
const route = getRouteApi("/signed-in/chat");

function NoWebchat({ bot }: { bot: Bot }) {
  const adding = useConnect(bot);
  return (
    <div className="surface">
      <EmptyState icon="chat" title={t.chat.noWebchat(bot.name)} hint={t.chat.noWebchatHint}>
        <Button loading={adding.isPending} onClick={() => adding.mutate({ platform: WEBCHAT, config: {} })}>
          {t.chat.addWebchat}
        </Button>
      </EmptyState>
    </div>
  );
}

function Stopped({ bot, account }: { bot: Bot; account: Account }) {
  const path = { bot_id: bot.id, account_id: account.id };
  const starting = useAct({
    act: () => answer(client.POST("/api/v1/bots/{bot_id}/accounts/{account_id}/start", { params: { path } })),
    touches: [["bots"]],
  });
  return (
    <div className="surface">
      <EmptyState icon="stop" title={t.chat.stopped(bot.name)} hint={t.chat.stoppedHint}>
        <Button loading={starting.isPending} onClick={() => starting.mutate(undefined)}>
          {t.bots.start}
        </Button>
      </EmptyState>
    </div>
  );
}

function Room({ bot }: { bot: Bot }) {
  const account = bot.accounts.find(({ platform }) => platform === WEBCHAT);
  if (!account) return <NoWebchat bot={bot} />;
  if (account.state === "stopped") return <Stopped bot={bot} account={account} />;
  return <Conversation key={account.id} bot={bot} />;
}

function NoBots() {
  return (
    <div className="surface">
      <EmptyState icon="bot" title={t.chat.noBots} hint={t.chat.noBotsHint}>
        <ButtonLink to="/">
          {t.problems.home}
        </ButtonLink>
      </EmptyState>
    </div>
  );
}

export function ChatPage() {
  const { bot: wanted } = route.useSearch();
  const navigate = route.useNavigate();
  const bots = useQuery(botsQuery);
  const talking = (bot: Bot) => bot.accounts.some(({ platform }) => platform === WEBCHAT);
  const bot = bots.data?.find(({ id }) => id === wanted) ?? bots.data?.find(talking) ?? bots.data?.[0];
  return (
    <Page
      title={t.chat.title}
      hint={t.chat.hint}
      actions={
        bots.data &&
        bots.data.length > 0 && (
          <NativeSelect
            aria-label={t.chat.bot}
            value={bot?.id ?? ""}
            onChange={(event) => void navigate({ search: { bot: event.currentTarget.value } })}
            data={bots.data.map(({ id, name }) => ({ value: id, label: name }))}
          />
        )
      }
    >
      <Loaded query={bots} skeleton={{ height: 420, rows: 1 }}>
        {() => (bot ? <Room key={bot.id} bot={bot} /> : <NoBots />)}
      </Loaded>
    </Page>
  );
}
