import { expect, test } from "vitest";

import { everyItem } from "./pages";

test("a list of several pages is whole and in order", async () => {
  const pages: Record<string, { items: number[]; next_cursor: string | null }> = {
    first: { items: [1, 2], next_cursor: "b" },
    b: { items: [], next_cursor: "c" },
    c: { items: [3], next_cursor: null },
  };
  expect(await everyItem((cursor = "first") => Promise.resolve(pages[cursor] ?? { items: [], next_cursor: null }))).toEqual([1, 2, 3]);
});

test("a cursor that leads back to itself ends", async () => {
  expect(await everyItem((cursor) => Promise.resolve({ items: [cursor ?? "first"], next_cursor: "again" }))).toEqual(["first", "again"]);
});

test("a page that fails fails the list", async () => {
  const read = (cursor?: string) => (cursor ? Promise.reject(new Error("gone")) : Promise.resolve({ items: [1], next_cursor: "b" }));
  await expect(everyItem(read)).rejects.toThrow("gone");
});
