import { expect, test } from "vitest";

import type { ChainEvent } from "../../api/types";
import { treesOf, type ChainNode } from "./chain";

let seq = 0;
const event = (id: string, causation_id: string | null, micros = 0): ChainEvent => ({
  id,
  causation_id,
  seq: ++seq,
  hop: 0,
  at: `2026-01-01T00:00:00.${String(micros).padStart(6, "0")}Z`,
  topic: "a.b",
  project: "default",
  source: "module:a",
  actor: "user:b",
  correlation_id: "c",
  data: {},
  hidden: false,
});

const drawn = (nodes: readonly ChainNode[]): unknown[] => nodes.map(({ event: { id }, children }) => [id, ...drawn(children)]);

test("events hang below their causes, in the order of time", () => {
  const trees = treesOf([event("late", "root", 900), event("root", null, 0), event("early", "root", 300), event("leaf", "early", 400)]);
  expect(drawn(trees)).toEqual([["root", ["early", ["leaf"]], ["late"]]]);
  expect(trees[0]?.children[0]?.afterMs).toBeCloseTo(0.3);
  expect(trees[0]?.afterMs).toBeNull();
});

test("an event whose cause is gone is a root of its own", () => {
  expect(drawn(treesOf([event("a", "taken by retention", 1), event("b", "a", 2), event("c", null, 3)]))).toEqual([["a", ["b"]], ["c"]]);
});

test("a circle loses no event and ends", () => {
  const trees = treesOf([event("a", "c", 1), event("b", "a", 2), event("c", "b", 3), event("self", "self", 4)]);
  expect(JSON.stringify(drawn(trees)).match(/"\w+"/g)?.sort()).toEqual(['"a"', '"b"', '"c"', '"self"']);
});

test("a clock that went back does not make a time before the cause", () => {
  const trees = treesOf([event("child", "root", 0), event("root", null, 500)]);
  expect(trees[0]?.children[0]?.afterMs).toBe(0);
});
