import { expect, test } from "vitest";

import type { TableAccess } from "../../api/types";
import { matrixOf } from "./access";

const TABLES = [
  {
    name: "leads",
    read: [
      { principal: "module:data", why: "keeper" },
      { principal: "plugin:quotes", why: "grant" },
      { principal: "system", why: "owner" },
      { principal: "user:ada", why: "permission" },
    ],
    write: [
      { principal: "module:data", why: "keeper" },
      { principal: "user:ada", why: "permission" },
    ],
  },
  { name: "notes", read: [], write: [] },
] as unknown as TableAccess[];

test("who may do what, and why, by table and principal; the server itself is left out", () => {
  const { principals, rows } = matrixOf(TABLES);
  expect(principals).toEqual(["user:ada", "plugin:quotes", "module:data"]);
  expect(principals.map((one) => rows[0]?.held(one))).toEqual([
    { actions: ["read", "write"], whys: ["permission"] },
    { actions: ["read"], whys: ["grant"] },
    { actions: ["read", "write"], whys: ["keeper"] },
  ]);
  expect(rows[1]?.held("user:ada")).toBeUndefined();
});
