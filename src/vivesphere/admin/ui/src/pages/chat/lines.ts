/** One line of the conversation. `mine` is what this person said; a line that is not `sent` has not come back from the server. */
export interface Line {
  id: string;
  mine: boolean;
  sender: string;
  text: string;
  at: string;
  state: "sent" | "sending" | "failed";
}

/** What the chat's WebSocket brings: `message` (all but `detail`) or `error` (`detail`). `in` is what a person said to the bot. */
export interface Frame {
  type: string;
  id?: string;
  direction?: string;
  sender?: string;
  text?: string;
  at?: string;
  detail?: string;
}

export function lineOf({ id = "", direction, sender = "", text = "", at = "" }: Frame): Line {
  return { id, mine: direction === "in", sender, text, at, state: "sent" };
}

/**
 * The conversation with one more message. The server sends back what it took: that takes the place of the oldest line with the
 * same text that was still waiting, or was thought lost with the connection.
 */
export function withLine(lines: readonly Line[], line: Line): Line[] {
  if (lines.some(({ id }) => id === line.id)) return [...lines];
  const waiting = line.mine ? lines.findIndex(({ state, text }) => state !== "sent" && text === line.text) : -1;
  return waiting < 0 ? [...lines, line] : lines.map((one, index) => (index === waiting ? line : one));
}

export function asFailed(lines: readonly Line[]): Line[] {
  return lines.map((line) => (line.state === "sending" ? { ...line, state: "failed" } : line));
}
