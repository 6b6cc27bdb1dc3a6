import { ActionIcon, VisuallyHidden } from "@mantine/core";

import type { DataTable, TableRecord } from "../../api/types";
import { t } from "../../messages";
import { Icon } from "../../parts/Icon";
import { Cell } from "./Cell";
import { sortedBy } from "./conditions";
import { titleOf } from "./values";

const { records: words } = t.data;
const NUMERIC = new Set(["integer", "number"]);

interface Props {
  table: DataTable;
  records: readonly TableRecord[];
  sort?: string;
  onSort: (sort?: string) => void;
  onEdit?: (record: TableRecord) => void;
}

function Head({ name, type, sort, onSort }: { name: string; type: string; sort?: string; onSort: (sort?: string) => void }) {
  const up = sort === name;
  const down = sort === `-${name}`;
  return (
    <th scope="col" aria-sort={up ? "ascending" : down ? "descending" : undefined} data-numeric={NUMERIC.has(type)}>
      {type === "json" ? (
        name
      ) : (
        <button type="button" className="sorter" title={words.sortBy(name)} onClick={() => onSort(sortedBy(sort, name))}>
          {name}
          {(up || down) && <Icon name={up ? "up" : "down"} size={13} />}
        </button>
      )}
    </th>
  );
}

/** Records as a grid. It scrolls within itself, by keyboard too, so that the page stays as wide as the window. */
export function RecordGrid({ table, records, sort, onSort, onEdit }: Props) {
  const columns = [...table.columns, { name: "created_at", type: "datetime" }];
  return (
    <div className="surface grid-scroll" tabIndex={0} role="region" aria-label={words.list(table.name)}>
      <table className="grid" aria-label={words.list(table.name)}>
        <thead>
          <tr>
            {columns.map(({ name, type }) => (
              <Head key={name} name={name} type={type} sort={sort} onSort={onSort} />
            ))}
            {onEdit && (
              <th scope="col" className="grid-actions">
                <VisuallyHidden>{words.actions}</VisuallyHidden>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <tr key={String(record.id)}>
              {columns.map(({ name, type }) => (
                <td key={name} data-numeric={NUMERIC.has(type)}>
                  <Cell type={type} value={record[name]} />
                </td>
              ))}
              {onEdit && (
                <td className="grid-actions">
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={words.editNamed(titleOf(table.columns, record))}
                    title={words.edit}
                    onClick={() => onEdit(record)}
                  >
                    <Icon name="pencil" size={16} />
                  </ActionIcon>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
