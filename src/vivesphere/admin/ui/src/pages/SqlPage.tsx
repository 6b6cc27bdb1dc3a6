import { Alert, Button, Group, NativeSelect, SimpleGrid, Stack, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent, type KeyboardEvent } from "react";

import { RECORDS_OF, runSql, TABLES, tablesQuery } from "../api/data";
import { sentenceOf } from "../api/problems";
import type { Rows, SqlInput } from "../api/types";
import { t } from "../messages";
import { durationWords } from "../parts/duration";
import { EmptyState } from "../parts/EmptyState";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { useMay } from "../session/useMay";
import { Cell } from "./data/Cell";
import { DataFrame } from "./data/DataFrame";
import { paramsFrom } from "./data/params";

const { sql: words } = t.data;
const MONO = { input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } };
const LIMITS = ["100", "1000"];

type Told = Rows & { milliseconds: number };

function useStatement() {
  const queries = useQueryClient();
  return useMutation<Told, unknown, SqlInput>({
    mutationFn: async (call) => {
      const began = performance.now();
      const rows = await runSql(call);
      return { ...rows, milliseconds: performance.now() - began };
    },
    onSuccess: ({ changed }) => {
      if (changed === 0) return;
      void queries.invalidateQueries({ queryKey: RECORDS_OF("").slice(0, 2) });
      void queries.invalidateQueries({ queryKey: TABLES });
    },
  });
}

function Form({ running, run }: { running: boolean; run: (call: SqlInput) => void }) {
  const [sql, setSql] = useState("");
  const [typed, setTyped] = useState("");
  const [limit, setLimit] = useState(LIMITS[0] ?? "");
  const [problem, setProblem] = useState<string | null>(null);
  const send = () => {
    const params = paramsFrom(typed);
    setProblem(params === null ? words.badParams : null);
    if (params !== null && sql.trim() !== "") run({ sql, params, limit: Number(limit) });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="surface filter-form" onSubmit={submit} onKeyDown={onKeyDown} noValidate>
      <Textarea
        label={words.statement}
        description={words.hint}
        placeholder={words.placeholder}
        autosize
        minRows={4}
        maxRows={18}
        spellCheck={false}
        autoCapitalize="none"
        styles={MONO}
        value={sql}
        onChange={(event) => setSql(event.currentTarget.value)}
      />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md">
        <Textarea
          label={words.params}
          description={words.paramsHint}
          autosize
          minRows={1}
          maxRows={6}
          spellCheck={false}
          styles={MONO}
          error={problem}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Group justify="flex-end" align="flex-end" gap="sm">
          <NativeSelect label={words.limit} data={LIMITS} value={limit} onChange={(event) => setLimit(event.currentTarget.value)} />
          <Button type="submit" loading={running} disabled={sql.trim() === ""} title={words.runHint} leftSection={<Icon name="play" size={16} />}>
            {words.run}
          </Button>
        </Group>
      </SimpleGrid>
    </form>
  );
}

/** Whether all there is in a column is numbers, which then stand under one another. */
function isNumeric(rows: Rows, place: number): boolean {
  const values = rows.rows.map((row) => (row as readonly unknown[])[place]).filter((value) => value !== null);
  return values.length > 0 && values.every((value) => typeof value === "number");
}

function ResultGrid({ rows }: { rows: Rows }) {
  const numeric = rows.columns.map((_, place) => isNumeric(rows, place));
  return (
    <div className="surface grid-scroll" tabIndex={0} role="group" aria-label={words.result}>
      <table className="grid" aria-label={words.result}>
        <thead>
          <tr>
            {rows.columns.map((name, place) => (
              <th key={`${place}/${name}`} scope="col" data-numeric={numeric[place]}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.rows.map((row, number) => (
            <tr key={number}>
              {(row as readonly unknown[]).map((value, place) => (
                <td key={place} data-numeric={numeric[place]}>
                  <Cell type={typeof value === "object" && value !== null ? "json" : "text"} value={value} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Result({ told }: { told: Told }) {
  const said = told.columns.length > 0 ? words.rows(told.rows.length) : words.changed(told.changed);
  return (
    <Stack gap="sm" component="section" aria-labelledby="sql-result">
      <Group gap="sm">
        <Title order={2} id="sql-result">
          {words.result}
        </Title>
        <Text size="xs" c="dimmed" role="status">
          {said} {words.took(durationWords(told.milliseconds))}
        </Text>
      </Group>
      {told.truncated && (
        <Alert color="amber" icon={<Icon name="alert" />}>
          {words.truncated}
        </Alert>
      )}
      {told.rows.length > 0 ? (
        <ResultGrid rows={told} />
      ) : (
        <Text size="sm" c="dimmed">
          {told.columns.length > 0 ? words.noRows : words.changed(told.changed)}
        </Text>
      )}
    </Stack>
  );
}

/** The tables one can name, as far as one may see which there are. */
function TableNames() {
  const may = useMay();
  const { data } = useQuery({ ...tablesQuery, enabled: may("data.table.read") });
  const own = (data ?? []).filter(({ access_level }) => access_level === "user");
  if (own.length === 0) return null;
  return (
    <details className="surface names">
      <summary>{words.tables}</summary>
      <ul>
        {own.map(({ name, columns }) => (
          <li key={name}>
            <span className="figure-name">{name}</span>{" "}
            <Text component="span" size="xs" c="dimmed">
              {["id", ...columns.map((column) => column.name)].join(", ")}
            </Text>
          </li>
        ))}
      </ul>
    </details>
  );
}

export function SqlPage() {
  const statement = useStatement();
  return (
    <DataFrame tab="/data/sql">
      <Form running={statement.isPending} run={(call) => statement.mutate(call)} />
      <TableNames />
      {statement.isError && <ErrorNotice problem={sentenceOf(statement.error)} />}
      {statement.isSuccess && <Result told={statement.data} />}
      {statement.isIdle && (
        <div className="surface">
          <EmptyState icon="api" title={words.noResult} hint={words.noResultHint} />
        </div>
      )}
    </DataFrame>
  );
}
