/**
 * One line of the conversation. `mine` is what this person said: `queued` until there is a connection, `sending` until the server
 * sends it back, `failed` when it was refused or lost with the connection.
 */
export interface Line {
  id: string;
  mine: boolean;
  sender: string;
  text: string;
  at: string;
  state: "sent" | "queued" | "sending" | "failed";
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
  const open = (one: Line) => line.mine && one.text === line.text && (one.state === "sending" || one.state === "failed");
  const waiting = lines.findIndex(open);
  if (waiting >= 0) return lines.map((one, index) => (index === waiting ? line : one));
  // What was typed before the history came belongs below it.
  const said = lines.filter(({ state }) => state !== "queued");
  return [...said, line, ...lines.slice(said.length)];
}

export function asSending(lines: readonly Line[]): Line[] {
  return lines.map((line) => (line.state === "queued" ? { ...line, state: "sending" } : line));
}

export function asFailed(lines: readonly Line[]): Line[] {
  return lines.map((line) => (line.state === "sending" ? { ...line, state: "failed" } : line));
}
