import { useEffect, useRef, useState } from "react";

import { session } from "../../api/client";
import type { Bot } from "../../api/types";
import { Connection, socketUrl, type ConnectionState } from "../../live/connection";
import { asFailed, lineOf, withLine, type Frame, type Line } from "./lines";

/** The conversation with one bot. Whenever the socket opens, the server sends the newest 50 messages again. */
export function useConversation(bot: Bot) {
  const [lines, setLines] = useState<Line[]>([]);
  const [state, setState] = useState<ConnectionState>("connecting");
  const [problem, setProblem] = useState<string | null>(null);
  const connection = useRef<Connection | null>(null);
  const count = useRef(0);

  useEffect(() => {
    const fail = (reason: string) => {
      setProblem(reason);
      setLines(asFailed);
    };
    const made = new Connection({
      url: socketUrl(`/api/v1/bots/${bot.id}/chat`),
      token: () => session.accessToken,
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
    return () => made.close();
  }, [bot.id]);

  const say = (text: string): boolean => {
    if (!connection.current?.send({ type: "message", text })) return false;
    setProblem(null);
    count.current += 1;
    const line: Line = { id: `waiting-${count.current}`, mine: true, sender: "", text, at: new Date().toISOString(), state: "sending" };
    setLines((before) => [...before, line]);
    return true;
  };
  return { lines, state, problem, say };
}
