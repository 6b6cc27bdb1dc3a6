import { Badge, Button, Group, Modal, PasswordInput, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { backupPath, BACKUPS, backupsQuery, createBackup, deleteBackup } from "../api/data";
import { sentenceOf } from "../api/problems";
import { useAct } from "../api/queries";
import type { Backup } from "../api/types";
import { t } from "../messages";
import { Confirm } from "../parts/Confirm";
import { download } from "../parts/download";
import { byteWords } from "../parts/duration";
import { EmptyState } from "../parts/EmptyState";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Growing } from "../parts/Growing";
import { Icon } from "../parts/Icon";
import { Loaded } from "../parts/Loaded";
import { notifyProblem } from "../parts/notify";
import { When } from "../parts/When";
import { useMay } from "../session/useMay";
import { DataFrame } from "./data/DataFrame";

const { backups: words } = t.data;
const SHORTEST_PASSPHRASE = 12;

function passphraseFaults(passphrase: string, again: string): Record<string, string> {
  if (passphrase === "" && again === "") return {};
  if (passphrase.length < SHORTEST_PASSPHRASE) return { passphrase: words.short };
  return passphrase === again ? {} : { again: words.mismatch };
}

function NewBackup({ onClose }: { onClose: () => void }) {
  const [faults, setFaults] = useState<Record<string, string>>({});
  const create = useAct({
    act: (passphrase: string | null) => createBackup(passphrase),
    touches: [BACKUPS],
    said: (made) => words.created(made.name),
    quiet: true,
    then: onClose,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const passphrase = String(fields.get("passphrase"));
    const found = passphraseFaults(passphrase, String(fields.get("again")));
    setFaults(found);
    if (Object.keys(found).length === 0) create.mutate(passphrase || null);
  };
  return (
    <Modal opened onClose={onClose} title={words.title} closeButtonProps={{ "aria-label": t.lists.close }}>
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          <PasswordInput
            name="passphrase"
            label={words.passphrase}
            description={words.passphraseHint}
            error={faults.passphrase}
            autoComplete="new-password"
            data-autofocus
          />
          <PasswordInput name="again" label={words.again} error={faults.again} autoComplete="new-password" />
          <Text size="sm" c="dimmed">
            {words.keyHint}
          </Text>
          {create.isError && <ErrorNotice problem={sentenceOf(create.error)} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {words.start}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function DeleteBackup({ name }: { name: string }) {
  const [asking, ask] = useDisclosure(false);
  const remove = useAct({ act: () => deleteBackup(name), touches: [BACKUPS], said: () => words.deleted(name), then: ask.close });
  return (
    <>
      <Button size="compact-sm" variant="subtle" color="red" aria-label={words.deleteNamed(name)} onClick={ask.open}>
        {words.delete}
      </Button>
      <Confirm
        opened={asking}
        question={words.sureDelete}
        hint={words.sureDeleteHint(name)}
        yes={words.delete}
        busy={remove.isPending}
        onYes={() => remove.mutate(undefined, { onError: ask.close })}
        onClose={ask.close}
      />
    </>
  );
}

function DownloadBackup({ name }: { name: string }) {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    await download(backupPath(name)).catch(notifyProblem);
    setBusy(false);
  };
  return (
    <Button
      size="compact-sm"
      variant="default"
      loading={busy}
      leftSection={<Icon name="download" size={14} />}
      aria-label={words.downloadNamed(name)}
      onClick={() => void run()}
    >
      {words.download}
    </Button>
  );
}

function BackupRow({ backup, mayDelete }: { backup: Backup; mayDelete: boolean }) {
  const { name, made_at, bytes, encrypted, verified, revision, reason } = backup;
  return (
    <li className="event grant">
      <div>
        <Group gap="xs">
          <Text size="sm" fw={600} component="span">
            <When at={made_at} style="exact" />
          </Text>
          <Badge color={verified ? "vive" : "red"}>{verified ? words.verified : words.damaged}</Badge>
          {encrypted && <Badge color="blue">{words.encrypted}</Badge>}
        </Group>
        <Text size="xs" c="dimmed">
          {[words.reasons[reason] ?? reason, byteWords(bytes), words.revision(revision)].join(" · ")}
        </Text>
        <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
          {name}
        </Text>
      </div>
      <Group gap="xs">
        <DownloadBackup name={name} />
        {mayDelete && <DeleteBackup name={name} />}
      </Group>
    </li>
  );
}

function Backups({ backups, mayDelete, create }: { backups: readonly Backup[]; mayDelete: boolean; create?: () => void }) {
  if (backups.length === 0) {
    return (
      <div className="surface">
        <EmptyState icon="data" title={words.none} hint={words.noneHint}>
          {create && <Button onClick={create}>{words.create}</Button>}
        </EmptyState>
      </div>
    );
  }
  return (
    <Growing items={backups}>
      {(shown) => (
        <ul className="event-list surface first-open" aria-label={t.data.area.backups}>
          {shown.map((backup) => (
            <BackupRow key={backup.name} backup={backup} mayDelete={mayDelete} />
          ))}
        </ul>
      )}
    </Growing>
  );
}

export function BackupsPage() {
  const may = useMay();
  const backups = useQuery({ ...backupsQuery, enabled: may("data.backup.read") });
  const [making, make] = useDisclosure(false);
  const mayCreate = may("data.backup.create");
  const button = (
    <Button leftSection={<Icon name="plus" size={16} />} onClick={make.open}>
      {words.create}
    </Button>
  );
  return (
    <DataFrame tab="/data/backups" actions={mayCreate && button}>
      <Stack gap="md">
        <Text size="sm" c="dimmed">
          {words.hint} {words.restore}
        </Text>
        <Loaded query={backups}>
          {(found) => <Backups backups={found} mayDelete={mayCreate} create={mayCreate ? make.open : undefined} />}
        </Loaded>
      </Stack>
      {making && <NewBackup onClose={make.close} />}
    </DataFrame>
  );
}
