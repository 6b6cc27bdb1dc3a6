import { useEffect, useRef, useState } from "react";

import { session } from "../../api/client";
import type { Bot } from "../../api/types";
import { Connection, socketUrl, type ConnectionState } from "../../live/connection";
import { asFailed, asSending, lineOf, withLine, type Frame, type Line } from "./lines";
import { Outbox } from "./outbox";

const outbox = new Outbox();
session.subscribe(() => {
  // One person's words are not sent for the next one.
  if (session.state === "signed-out") outbox.clear();
});

const LINGER_MS = 5_000;

let count = 0;

function queuedLine(text: string): Line {
  count += 1;
  return { id: `waiting-${count}`, mine: true, sender: "", text, at: new Date().toISOString(), state: "queued" };
}

/**
 * The page is left: without anything to send its connection closes, otherwise it lives on until it has sent, or until nobody is
 * signed in any more. What is given back is to be called when it has sent, or never will.
 */
function leave(bot: Bot, connection: Connection): () => void {
  const close = () => {
    stop();
    connection.close();
  };
  const stop = session.subscribe(() => {
    if (session.state === "signed-out") close();
  });
  if (outbox.of(bot.id).length === 0) close();
  // The server may still be busy with what it was sent; a connection that is gone would interrupt it.
  return () => setTimeout(close, LINGER_MS);
}

/** The conversation with one bot. Whenever the socket opens, the server sends the newest 50 messages again. */
export function useConversation(bot: Bot) {
  // What an earlier visit left unsent still waits, below the history that is to come.
  const [lines, setLines] = useState<Line[]>(() => outbox.of(bot.id).map(queuedLine));
  const [state, setState] = useState<ConnectionState>("connecting");
  const [problem, setProblem] = useState<string | null>(null);
  const connection = useRef<Connection | null>(null);

  useEffect(() => {
    let left: (() => void) | null = null;
    const fail = (reason: string) => {
      setProblem(reason);
      setLines(asFailed);
    };
    const refused = (reason: string) => {
      fail(reason);
      left?.();
    };
    const made = new Connection({
      url: socketUrl(`/api/v1/bots/${bot.id}/chat`),
      onOpen: (send) => {
        for (const text of outbox.take(bot.id)) send({ type: "message", text });
        setLines(asSending);
        left?.();
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
      onRefused: refused,
    });
    connection.current = made;
    return () => {
      left = leave(bot, made);
    };
  }, [bot.id]);

  const say = (text: string): void => {
    const handedOver = connection.current?.send({ type: "message", text }) ?? false;
    if (!handedOver) outbox.put(bot.id, text);
    setProblem(null);
    setLines((before) => [...before, { ...queuedLine(text), state: handedOver ? "sending" : "queued" }]);
  };
  return { lines, state, problem, say };
}
