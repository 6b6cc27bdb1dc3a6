import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";

import { answer, client, session } from "../../api/client";
import type { Account, Bot } from "../../api/types";
import { Connection, socketUrl, type ConnectionState } from "../../live/connection";

/** One line of the conversation. `mine` is what this person said; a line without `sent` has not come back from the server yet. */
export interface Line {
  id: string;
  mine: boolean;
  sender: string;
  text: string;
  at: string;
  state: "sent" | "sending" | "failed";
}

interface Frame {
  type: string;
  id?: string;
  direction?: string;
  sender?: string;
  text?: string;
  at?: string;
  detail?: string;
}

function lineOf(message: { id?: string; direction?: string; sender?: string; text?: string; at?: string }): Line {
  const { id = "", direction, sender = "", text = "", at = "" } = message;
  return { id, mine: direction === "in", sender, text, at, state: "sent" };
}

const historyKey = (bot: Bot, account: Account) => ["messages", bot.id, account.id];

function useHistory(bot: Bot, account: Account) {
  return useQuery({
    queryKey: historyKey(bot, account),
    queryFn: async () => {
      const params = { path: { bot_id: bot.id }, query: { account_id: account.id, limit: 100 } };
      const { items } = await answer(client.GET("/api/v1/bots/{bot_id}/messages", { params }));
      return items.map(lineOf).reverse();
    },
    staleTime: Infinity,
    gcTime: 0,
  });
}

/** The server sends every message back with its id: the echo takes the place of the oldest waiting line with the same text. */
function withLine(lines: Line[], line: Line): Line[] {
  if (lines.some(({ id }) => id === line.id)) return lines;
  const waiting = line.mine ? lines.findIndex(({ state, text }) => state === "sending" && text === line.text) : -1;
  return waiting < 0 ? [...lines, line] : [...lines.slice(0, waiting), ...lines.slice(waiting + 1), line];
}

const asFailed = (lines: Line[]): Line[] => lines.map((line) => (line.state === "sending" ? { ...line, state: "failed" } : line));

function useChatSocket(bot: Bot, onFrame: (frame: Frame) => void, onLost: () => void, onBack: () => void) {
  const [state, setState] = useState<ConnectionState>("connecting");
  const connection = useRef<Connection | null>(null);
  const handlers = useRef({ onFrame, onLost, onBack });
  handlers.current = { onFrame, onLost, onBack };
  useEffect(() => {
    let opened = 0;
    connection.current = new Connection({
      url: socketUrl(`/api/v1/bots/${bot.id}/chat`),
      token: () => session.accessToken,
      onOpen: () => {
        if (opened++ > 0) handlers.current.onBack();
      },
      onFrame: (frame) => handlers.current.onFrame(frame as Frame),
      onState: (next) => {
        setState(next);
        if (next === "waiting") handlers.current.onLost();
      },
      onRefused: () => session.refresh(),
    });
    return () => connection.current?.close();
  }, [bot.id]);
  return { state, send: (text: string) => connection.current?.send({ type: "message", text }) ?? false };
}

export function useConversation(bot: Bot, account: Account) {
  const queries = useQueryClient();
  const history = useHistory(bot, account);
  const [live, setLive] = useState<Line[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const count = useRef(0);

  const onFrame = useCallback((frame: Frame) => {
    if (frame.type === "message") setLive((lines) => withLine(lines, lineOf(frame)));
    if (frame.type === "error") {
      setProblem(frame.detail ?? "");
      setLive(asFailed);
    }
  }, []);
  const { state, send } = useChatSocket(
    bot,
    onFrame,
    () => setLive(asFailed),
    // What was said while the connection was away is in the history.
    () => void queries.invalidateQueries({ queryKey: historyKey(bot, account) }),
  );

  const say = (text: string): boolean => {
    setProblem(null);
    if (!send(text)) return false;
    count.current += 1;
    const line: Line = { id: `waiting-${count.current}`, mine: true, sender: "", text, at: new Date().toISOString(), state: "sending" };
    setLive((lines) => [...lines, line]);
    return true;
  };

  const kept = history.data ?? [];
  const known = new Set(kept.map(({ id }) => id));
  return { history, lines: [...kept, ...live.filter(({ id }) => !known.has(id))], state, problem, say };
}
