import { Badge, Group, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { accessQuery, type Level } from "../../api/data";
import { whoQuery } from "../../api/queries";
import type { TableAccess } from "../../api/types";
import { t } from "../../messages";
import { Growing } from "../../parts/Growing";
import { Loaded } from "../../parts/Loaded";
import { principalWords } from "../events/principal";
import { Principal } from "../events/Who";
import { matrixOf, type Held, type Matrix } from "./access";
import { LevelBadge } from "./LevelBadge";

const { access: words, tables: tableWords } = t.data;

const actionWords = ({ actions }: Held) => (actions.length === 2 ? words.both : actions[0] === "write" ? words.write : words.read);
const whyWords = ({ whys }: Held) => whys.map((why) => words.whys[why] ?? why).join(", ");

function HeldCell({ held, principal }: { held?: Held; principal: string }) {
  if (held === undefined) {
    return (
      <td data-empty="true" data-label={principal} role="cell">
        <Text component="span" c="dimmed" size="sm">
          {words.none}
        </Text>
      </td>
    );
  }
  return (
    <td data-label={principal} role="cell">
      <span className="held">
        <Badge color={held.actions.includes("write") ? "amber" : "blue"} styles={{ label: { overflow: "visible" } }}>
          {actionWords(held)}
        </Badge>
        <Text component="span" size="xs" c="dimmed">
          {whyWords(held)}
        </Text>
      </span>
    </td>
  );
}

function TableName({ table, mixed }: { table: TableAccess; mixed: boolean }) {
  return (
    <>
      <Group component="span" gap={8} wrap="nowrap">
        <span className="figure-name">{table.name}</span>
        {mixed && <LevelBadge level={table.access_level} />}
      </Group>
      <Text size="xs" c="dimmed" fw={400} component="span" display="block">
        <Principal name={table.owner} />
        {table.project !== null && ` · ${table.project}`}
      </Text>
    </>
  );
}

function MatrixTable({ principals, rows, mixed }: Matrix & { mixed: boolean }) {
  const { data } = useQuery(whoQuery);
  const named = (principal: string) => principalWords(principal, data?.user.id);
  return (
    <div className="surface grid-scroll matrix-scroll" tabIndex={0} role="group" aria-labelledby="matrix">
      <table className="grid matrix" role="table" aria-labelledby="matrix">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">
              {words.table}
            </th>
            {principals.map((principal) => (
              <th key={principal} role="columnheader" scope="col" title={principal}>
                {named(principal)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map(({ table, held }) => (
            <tr key={table.stored_as} role="row">
              <th role="rowheader" scope="row">
                <TableName table={table} mixed={mixed} />
              </th>
              {principals.map((principal) => (
                <HeldCell key={principal} principal={named(principal)} held={held(principal)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Tables × principals, with what each may do and what that rests on. */
export function AccessMatrix() {
  const [level, setLevel] = useState<Level | "">("user");
  const access = useQuery(accessQuery(level || undefined));
  const levels: Level[] = ["user", "protected", "locked"];
  return (
    <Stack component="section" gap="sm" aria-labelledby="matrix">
      <Group justify="space-between" align="flex-end" gap="sm">
        <div>
          <Title order={2} id="matrix">
            {words.matrix}
          </Title>
          <Text size="sm" c="dimmed">
            {words.matrixHint} {words.system}
          </Text>
        </div>
        <NativeSelect
          aria-label={tableWords.level}
          value={level}
          data={[{ value: "", label: tableWords.everyLevel }, ...levels.map((value) => ({ value, label: tableWords.levels[value] ?? value }))]}
          onChange={(event) => setLevel(event.currentTarget.value as Level | "")}
        />
      </Group>
      <Loaded query={access} skeleton={{ height: 52, rows: 4 }}>
        {(tables) =>
          tables.length === 0 ? (
            <Text size="sm" c="dimmed">
              {words.noneTables}
            </Text>
          ) : (
            <Growing items={tables}>{(shown) => <MatrixTable {...matrixOf(shown)} mixed={level === ""} />}</Growing>
          )
        }
      </Loaded>
    </Stack>
  );
}
