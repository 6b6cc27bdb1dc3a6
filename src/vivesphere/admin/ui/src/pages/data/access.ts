import type { TableAccess } from "../../api/types";

export type Action = "read" | "write";

/** What one principal may do with one table, and what that rests on. */
export interface Held {
  actions: Action[];
  whys: string[];
}

export interface Matrix {
  principals: string[];
  rows: { table: TableAccess; held: (principal: string) => Held | undefined }[];
}

/** Everything rests with the server itself, so that a column for it would say nothing. */
const SYSTEM = "system";

const RANK = ["user", "apikey", "plugin", "module"];
const rankOf = (principal: string) => RANK.indexOf(principal.split(":")[0] ?? "");

/** Tables × principals. People first, then keys, plugins and modules. */
export function matrixOf(tables: readonly TableAccess[]): Matrix {
  const principals = new Set<string>();
  const rows = tables.map((table) => {
    const held = new Map<string, Held>();
    for (const action of ["read", "write"] as const) {
      for (const { principal, why } of table[action]) {
        if (principal === SYSTEM) continue;
        principals.add(principal);
        const one = held.get(principal) ?? { actions: [], whys: [] };
        one.actions.push(action);
        if (!one.whys.includes(why)) one.whys.push(why);
        held.set(principal, one);
      }
    }
    return { table, held: (principal: string) => held.get(principal) };
  });
  const order = (a: string, b: string) => rankOf(a) - rankOf(b) || a.localeCompare(b);
  return { principals: [...principals].sort(order), rows };
}
