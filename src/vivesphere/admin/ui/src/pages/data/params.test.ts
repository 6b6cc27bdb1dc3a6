import { expect, test } from "vitest";

import { paramsFrom } from "./params";

test("the values of a statement are a list or an object", () => {
  expect(paramsFrom(" ")).toEqual([]);
  expect(paramsFrom('["open", 5]')).toEqual(["open", 5]);
  expect(paramsFrom('{"status": null}')).toEqual({ status: null });
});

test.each(["5", '"open"', "null", "[", "open"])("%s is neither", (typed) => expect(paramsFrom(typed)).toBeNull());
