import { Alert, Button, FileInput, Group, Modal, NativeSelect, Progress, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";

import { importFile, RECORDS_OF, TABLES, type Format } from "../../api/data";
import { Problem, sentenceOf } from "../../api/problems";
import type { DataTable, ImportReport } from "../../api/types";
import { useStream } from "../../live/StreamProvider";
import { t } from "../../messages";
import { byteWords } from "../../parts/duration";
import { ErrorNotice } from "../../parts/ErrorNotice";
import { Figures } from "../../parts/Figures";
import { Icon } from "../../parts/Icon";
import { formatOf, newKey, type Refused } from "./importing";

const { import: words, records: listWords } = t.data;
const FORMATS: readonly Format[] = ["csv", "json", "jsonl"];

interface Told {
  imported: number;
  refused: number;
  bytes: number;
}

/** How far the import has come, as the stream of events tells. */
function useProgress(table: string, running: boolean): Told | null {
  const { listen } = useStream();
  const [told, setTold] = useState<Told | null>(null);
  useEffect(() => {
    if (!running) return;
    setTold(null);
    return listen(({ type, data }) => {
      if (type !== "data.import.progressed" || data.table !== table) return;
      setTold({ imported: Number(data.imported), refused: Number(data.refused), bytes: Number(data.bytes) });
    });
  }, [listen, table, running]);
  return told;
}

/** `cut`: the file did not arrive whole, and may be sent again. */
type Outcome = { report: ImportReport } | { problem: string; cut: boolean } | { stopped: true };

function useImport(table: string) {
  const queries = useQueryClient();
  const [running, setRunning] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const key = useRef(newKey());
  const start = async (file: File, format: Format) => {
    const stopper = new AbortController();
    abort.current = stopper;
    setOutcome(null);
    setRunning(true);
    try {
      setOutcome({ report: await importFile(table, format, file, key.current, stopper.signal) });
    } catch (thrown) {
      setOutcome(stopper.signal.aborted ? { stopped: true } : { problem: sentenceOf(thrown), cut: !(thrown instanceof Problem) });
    }
    setRunning(false);
    for (const queryKey of [RECORDS_OF(table), TABLES]) void queries.invalidateQueries({ queryKey });
  };
  const again = () => {
    key.current = newKey();
    setOutcome(null);
  };
  return { running, outcome, start, stop: () => abort.current?.abort(), again };
}

function Report({ report }: { report: ImportReport }) {
  const { imported, refused, refused_total: total, complete } = report;
  return (
    <Stack gap="sm" aria-labelledby="import-report" component="section">
      <Alert
        id="import-report"
        role="status"
        color={total === 0 && complete ? "vive" : "amber"}
        icon={<Icon name={total === 0 && complete ? "check" : "alert"} />}
        title={words.done(imported)}
      >
        {[total === 0 ? words.allGood : `${words.refused(total)}.`, !complete && words.incomplete].filter(Boolean).join(" ")}
      </Alert>
      {refused.length > 0 && (
        <div className="scroll-y" tabIndex={0} role="group" aria-labelledby="import-report">
          <Figures<Refused>
            labelledBy="import-report"
            columns={[
              { label: words.line, cell: ({ line }) => <span className="figure-name">{line}</span> },
              { label: words.problem, cell: ({ problem }) => problem },
            ]}
            rows={refused}
            keyOf={({ line, problem }) => `${line} ${problem}`}
          />
        </div>
      )}
      {total > refused.length && (
        <Text size="xs" c="dimmed">
          {words.more(total - refused.length)}
        </Text>
      )}
    </Stack>
  );
}

function Running({ told, file, onStop }: { told: Told | null; file: File; onStop: () => void }) {
  const percent = told === null || file.size === 0 ? 0 : Math.min(100, (100 * told.bytes) / file.size);
  return (
    <Stack gap="sm">
      <Progress.Root size="lg">
        <Progress.Section value={percent} animated aria-label={words.title(file.name)} />
      </Progress.Root>
      <Group justify="space-between">
        <Text size="sm" role="status">
          {words.progress(told?.imported ?? 0, told?.refused ?? 0)}
        </Text>
        <Button variant="default" onClick={onStop}>
          {words.stop}
        </Button>
      </Group>
    </Stack>
  );
}

/** Many records from one file: how far it has come, and which lines were refused and why. */
export function ImportDialog({ table, onClose }: { table: DataTable; onClose: () => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [format, setFormat] = useState<Format>("csv");
  const { running, outcome, start, stop, again } = useImport(table.name);
  const told = useProgress(table.name, running);
  const cut = outcome !== null && ("stopped" in outcome || ("problem" in outcome && outcome.cut));
  const choose = (chosen: File | null) => {
    setFile(chosen);
    if (chosen) setFormat(formatOf(chosen.name) ?? format);
    again();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (file) void start(file, format);
  };
  const done = outcome !== null && "report" in outcome;
  return (
    <Modal opened onClose={onClose} title={words.title(table.name)} size="lg" closeButtonProps={{ "aria-label": t.lists.close }}>
      <form onSubmit={submit}>
        <Stack gap="md">
          {!running && !done && (
            <>
              <FileInput
                label={words.file}
                placeholder={words.choose}
                description={file ? byteWords(file.size) : undefined}
                accept=".csv,.json,.jsonl,.ndjson,text/csv,application/json"
                value={file}
                onChange={choose}
                clearable
                clearButtonProps={{ "aria-label": listWords.clear }}
              />
              <NativeSelect
                label={words.format}
                description={words.hints[format]}
                data={FORMATS.map((value) => ({ value, label: listWords.formats[value] ?? value }))}
                value={format}
                onChange={(event) => {
                  setFormat(event.currentTarget.value as Format);
                  again();
                }}
              />
            </>
          )}
          {running && file && <Running told={told} file={file} onStop={stop} />}
          {outcome && "report" in outcome && <Report report={outcome.report} />}
          {outcome && "problem" in outcome && <ErrorNotice problem={outcome.problem} />}
          {outcome && "stopped" in outcome && (
            <Text size="sm" role="status">
              {words.stopped}
            </Text>
          )}
          {!running && (
            <Group justify="flex-end">
              <Button variant="default" onClick={done ? () => choose(null) : onClose}>
                {done ? words.again : t.lists.cancel}
              </Button>
              {done ? (
                <Button onClick={onClose}>{words.close}</Button>
              ) : (
                <Button type="submit" disabled={file === null} leftSection={<Icon name="upload" size={16} />}>
                  {cut ? words.goOn : words.start}
                </Button>
              )}
            </Group>
          )}
        </Stack>
      </form>
    </Modal>
  );
}
