import { expect, test } from "vitest";

import { Outbox } from "./outbox";

test("what waits keeps its order, bot by bot, and is given out once", () => {
  const outbox = new Outbox();
  outbox.put("a", "one");
  outbox.put("b", "else");
  outbox.put("a", "two");
  expect(outbox.of("a")).toEqual(["one", "two"]);
  expect(outbox.take("a")).toEqual(["one", "two"]);
  expect(outbox.take("a")).toEqual([]);
  expect(outbox.of("b")).toEqual(["else"]);
  outbox.clear();
  expect(outbox.of("b")).toEqual([]);
});
