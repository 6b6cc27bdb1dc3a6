import { useEffect, useRef, useState } from "react";

import { session } from "../../api/client";
import type { Bot } from "../../api/types";
import { Connection, socketUrl, type ConnectionState } from "../../live/connection";
import { asFailed, asSending, lineOf, withLine, type Frame, type Line } from "./lines";

/** The conversation with one bot. Whenever the socket opens, the server sends the newest 50 messages again. */
export function useConversation(bot: Bot) {
  const [lines, setLines] = useState<Line[]>([]);
  const [state, setState] = useState<ConnectionState>("connecting");
  const [problem, setProblem] = useState<string | null>(null);
  const connection = useRef<Connection | null>(null);
  const queue = useRef<string[]>([]);
  const count = useRef(0);

  useEffect(() => {
    const fail = (reason: string) => {
      setProblem(reason);
      setLines(asFailed);
    };
    const made = new Connection({
      url: socketUrl(`/api/v1/bots/${bot.id}/chat`),
      token: () => session.accessToken,
      onOpen: (send) => {
        for (const text of queue.current.splice(0)) send({ type: "message", text });
        setLines(asSending);
      },
      onFrame: (received) => {
        const frame = received as Frame;
        if (frame.type === "message") setLines((before) => withLine(before, lineOf(frame)));
        if (frame.type === "error") fail(frame.detail ?? "");
      },
      onState: (next) => {
        setState(next);
        if (next === "open") setProblem(null);
        if (next === "waiting") setLines(asFailed);
      },
      onUnauthorised: () => session.refresh(),
      onRefused: fail,
    });
    connection.current = made;
    return () => {
      queue.current = [];
      made.close();
    };
  }, [bot.id]);

  const say = (text: string): void => {
    const handedOver = connection.current?.send({ type: "message", text }) ?? false;
    if (!handedOver) queue.current.push(text);
    setProblem(null);
    count.current += 1;
    const id = `waiting-${count.current}`;
    const state = handedOver ? "sending" : "queued";
    setLines((before) => [...before, { id, mine: true, sender: "", text, at: new Date().toISOString(), state }]);
  };
  return { lines, state, problem, say };
}
