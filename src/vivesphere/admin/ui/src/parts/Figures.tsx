import { Text } from "@mantine/core";
import type { ReactNode } from "react";

import { t } from "../messages";

export interface Column<T> {
  label: string;
  cell: (row: T) => ReactNode;
  numeric?: boolean;
}

interface Props<T> {
  /** The id of the heading that names the table. */
  labelledBy: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
}

/**
 * A table of figures. Where it is too narrow, each row stands as a block with its labels beside the figures; the roles are
 * spelled out because a browser may forget them with the layout.
 */
export function Figures<T>({ labelledBy, columns, rows, keyOf }: Props<T>) {
  if (rows.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t.events.bus.none}
      </Text>
    );
  }
  const [first, ...others] = columns;
  return (
    <table className="figures" role="table" aria-labelledby={labelledBy}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ label, numeric }) => (
            <th key={label} role="columnheader" scope="col" data-numeric={numeric}>
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            <th role="rowheader" scope="row">
              {first?.cell(row)}
            </th>
            {others.map(({ label, cell, numeric }) => (
              <td key={label} role="cell" data-label={label} data-numeric={numeric}>
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
