import { expect, test } from "vitest";

import { asFailed, asSending, lineOf, withLine, type Line } from "./lines";

const said = (text: string, state: Line["state"] = "sending"): Line => ({ id: `waiting-${text}`, mine: true, sender: "", text, at: "", state });
const echo = (id: string, text: string) => lineOf({ type: "message", id, direction: "in", sender: "ada", text, at: "2026-01-01T00:00:00Z" });

test("the echo of a message takes the place of the waiting line, and the others keep theirs", () => {
  const lines = withLine([said("a"), said("b")], echo("1", "a"));
  expect(lines.map(({ id, state }) => [id, state])).toEqual([
    ["1", "sent"],
    ["waiting-b", "sending"],
  ]);
});

test("the history of a new connection brings nothing twice", () => {
  const lines = [echo("1", "a"), echo("2", "a")];
  expect(withLine(lines, echo("1", "a"))).toEqual(lines);
});

test("a message thought lost with the connection is found in the history", () => {
  const lost = asFailed([said("a")]);
  expect(lost[0]?.state).toBe("failed");
  expect(withLine(lost, echo("1", "a"))).toEqual([echo("1", "a")]);
});

test("an answer never takes the place of a question", () => {
  const answer = lineOf({ type: "message", id: "2", direction: "out", sender: "Vivi", text: "a", at: "" });
  expect(withLine([said("a")], answer)).toHaveLength(2);
});

test("what was typed before the connection stays below the history, and is no part of it", () => {
  const lines = withLine(withLine([said("a", "queued")], echo("1", "a")), echo("2", "b"));
  expect(lines.map(({ id }) => id)).toEqual(["1", "2", "waiting-a"]);
  expect(withLine(asSending(lines), echo("3", "a")).map(({ id }) => id)).toEqual(["1", "2", "3"]);
});
