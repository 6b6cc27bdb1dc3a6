import { ActionIcon, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";

import type { Bot } from "../../api/types";
import { t } from "../../messages";
import { EmptyState } from "../../parts/EmptyState";
import { Icon } from "../../parts/Icon";
import { When } from "../../parts/When";
import type { Line } from "./lines";
import { useConversation } from "./useConversation";

function Bubble({ line, bot }: { line: Line; bot: Bot }) {
  const note = { queued: t.chat.queued, sending: t.chat.sending, failed: t.chat.notSent, sent: "" }[line.state];
  return (
    <Stack gap={4} align={line.mine ? "flex-end" : "flex-start"} data-direction={line.mine ? "in" : "out"}>
      <Group gap={8}>
        <Text size="xs" fw={600} component="span">
          {line.mine ? t.chat.you : line.sender || bot.name}
        </Text>
        <Text size="xs" c={line.state === "failed" ? "red" : "dimmed"} component="span">
          {note || <When at={line.at} style="clock" />}
        </Text>
      </Group>
      <div className="bubble" data-mine={line.mine}>
        {line.text}
      </div>
    </Stack>
  );
}

function Composer({ bot, refused, say }: { bot: Bot; refused: boolean; say: (text: string) => void }) {
  const [text, setText] = useState("");
  const send = () => {
    if (refused || text.trim() === "") return;
    say(text.trim());
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // An Enter that only confirms an input method's word must not send.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <Group gap="sm" p="md" wrap="nowrap" align="flex-end" style={{ borderTop: "1px solid var(--vive-line)" }}>
      <Textarea
        flex={1}
        autosize
        minRows={1}
        maxRows={6}
        size="md"
        radius="lg"
        aria-label={t.chat.message}
        placeholder={t.chat.placeholder(bot.name)}
        title={t.chat.sendHint}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        autoFocus
      />
      <ActionIcon size={42} radius="lg" aria-label={t.chat.send} onClick={send} disabled={refused || text.trim() === ""}>
        <Icon name="send" size={20} />
      </ActionIcon>
    </Group>
  );
}

function FirstWords({ bot, say }: { bot: Bot; say: (text: string) => void }) {
  return (
    <div className="late">
      <EmptyState icon="chat" title={t.chat.empty(bot.name)} hint={t.chat.emptyHint}>
        <Group gap="xs" justify="center">
          {t.chat.suggestions(bot.prefix).map((words) => (
            <Button key={words} variant="default" size="sm" ff="monospace" onClick={() => say(words)}>
              {words}
            </Button>
          ))}
        </Group>
      </EmptyState>
    </div>
  );
}

/** Keeps the newest line in sight, unless the reader has scrolled up to read. */
function useFollow(length: number) {
  const log = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  useEffect(() => {
    if (following.current) log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [length]);
  const onScroll = () => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = log.current ?? {};
    following.current = scrollHeight - scrollTop - clientHeight < 60;
  };
  return { ref: log, onScroll };
}

export function Conversation({ bot }: { bot: Bot }) {
  const { lines, state, problem, say } = useConversation(bot);
  const follow = useFollow(lines.length);
  const open = state === "open";
  return (
    <Stack className="surface" gap={0} h={{ base: "calc(100dvh - 246px)", sm: "calc(100dvh - 190px)" }} mih={360}>
      <div className="chat-log" role="log" tabIndex={0} aria-label={t.chat.log(bot.name)} {...follow}>
        {open && lines.length === 0 && <FirstWords bot={bot} say={say} />}
        <Stack gap="md">
          {lines.map((line) => (
            <Bubble key={line.id} line={line} bot={bot} />
          ))}
        </Stack>
      </div>
      {(problem !== null || !open) && (
        <Text size="sm" px="lg" py={8} c={problem === null ? "dimmed" : "red"} role={problem === null ? "status" : "alert"}>
          {problem ?? (state === "waiting" ? t.chat.offline : t.stream[state])}
        </Text>
      )}
      <Composer bot={bot} refused={state === "closed"} say={say} />
    </Stack>
  );
}
