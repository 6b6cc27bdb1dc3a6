import { Button, Group, Modal, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { ACCESS, approveGrant, grantAccess, grantsQuery, revokeGrant, tablesQuery, type GrantStatus } from "../../api/data";
import { pluginsQuery, useAct } from "../../api/queries";
import { sentenceOf } from "../../api/problems";
import type { Grant } from "../../api/types";
import { t } from "../../messages";
import { Confirm } from "../../parts/Confirm";
import { EmptyState } from "../../parts/EmptyState";
import { ErrorNotice } from "../../parts/ErrorNotice";
import { Growing } from "../../parts/Growing";
import { Icon } from "../../parts/Icon";
import { Loaded } from "../../parts/Loaded";
import { State } from "../../parts/State";
import { When } from "../../parts/When";
import { useMay } from "../../session/useMay";
import { Principal } from "../events/Who";

const { access: words } = t.data;
const STATUSES: readonly GrantStatus[] = ["requested", "approved", "revoked"];

const subjectOf = ({ grantee, action, table }: Grant) => words.subject(grantee, words[action], table);

function Decide({ grant }: { grant: Grant }) {
  const { grantee, table, status } = grant;
  const action = words[grant.action];
  const [asking, ask] = useDisclosure(false);
  const approve = useAct({ act: () => approveGrant(grant.id), touches: [ACCESS], said: () => words.approved(subjectOf(grant)) });
  const revoke = useAct({
    act: () => revokeGrant(grant.id),
    touches: [ACCESS],
    said: () => words.revoked(grantee, action, table),
    then: ask.close,
  });
  return (
    <Group gap="xs" style={{ flex: "none" }}>
      {status !== "approved" && (
        <Button size="compact-sm" loading={approve.isPending} aria-label={words.approveNamed(subjectOf(grant))} onClick={() => approve.mutate(undefined)}>
          {words.approve}
        </Button>
      )}
      {status === "requested" && (
        <Button
          size="compact-sm"
          variant="default"
          loading={revoke.isPending}
          aria-label={words.refuseNamed(subjectOf(grant))}
          onClick={() => revoke.mutate(undefined)}
        >
          {words.refuse}
        </Button>
      )}
      {status === "approved" && (
        <Button size="compact-sm" variant="subtle" color="red" aria-label={words.revokeNamed(subjectOf(grant))} onClick={ask.open}>
          {words.revoke}
        </Button>
      )}
      <Confirm
        opened={asking}
        question={words.sureRevoke}
        hint={words.sureRevokeHint(grantee, action, table)}
        yes={words.revoke}
        busy={revoke.isPending}
        onYes={() => revoke.mutate(undefined, { onError: ask.close })}
        onClose={ask.close}
      />
    </Group>
  );
}

function GrantRow({ grant, mayDecide }: { grant: Grant; mayDecide: boolean }) {
  return (
    <li className="event grant">
      <div>
        <Group gap="xs">
          <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
            {subjectOf(grant)}
          </Text>
          <State state={grant.status} words={words.statuses} />
        </Group>
        <Text size="xs" c="dimmed">
          {words.asked} <When at={grant.requested_at} />
          {grant.decided_at !== null && grant.decided_by !== null && (
            <>
              {` · ${words.decided} `}
              <When at={grant.decided_at} /> {words.by} <Principal name={grant.decided_by} />
            </>
          )}
        </Text>
      </div>
      {mayDecide && <Decide grant={grant} />}
    </li>
  );
}

/** A person lets a plugin at a table, whether it asked or not. */
function NewGrant({ onClose }: { onClose: () => void }) {
  const plugins = useQuery(pluginsQuery);
  const tables = useQuery(tablesQuery);
  const own = (tables.data ?? []).filter(({ access_level }) => access_level === "user").map(({ name }) => name);
  const grant = useAct({
    act: ({ grantee, table, action }: { grantee: string; table: string; action: "read" | "write" }) => grantAccess(grantee, table, action),
    touches: [ACCESS],
    said: (made) => words.approved(subjectOf(made)),
    quiet: true,
    then: onClose,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const chosen = (name: string) => String(fields.get(name));
    grant.mutate({ grantee: chosen("grantee"), table: chosen("table"), action: chosen("action") === "write" ? "write" : "read" });
  };
  const grantees = (plugins.data ?? []).map(({ id, name }) => ({ value: `plugin:${id}`, label: name }));
  const none = plugins.isSuccess && grantees.length === 0;
  return (
    <Modal opened onClose={onClose} title={words.grant} closeButtonProps={{ "aria-label": t.lists.close }}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <NativeSelect name="grantee" label={words.grantee} data={grantees} error={none ? words.noPlugins : null} data-autofocus />
          <NativeSelect
            name="action"
            label={words.action}
            data={[
              { value: "read", label: words.read },
              { value: "write", label: words.write },
            ]}
          />
          <NativeSelect name="table" label={words.table} data={own} error={tables.isSuccess && own.length === 0 ? words.noneTables : null} />
          {grant.isError && <ErrorNotice problem={sentenceOf(grant.error)} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={grant.isPending} disabled={own.length === 0 || grantees.length === 0}>
              {words.grant}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function List({ grants, mayDecide }: { grants: readonly Grant[]; mayDecide: boolean }) {
  if (grants.length === 0) {
    return (
      <div className="surface">
        <EmptyState icon="check" title={words.noGrants} hint={words.noGrantsHint} />
      </div>
    );
  }
  return (
    <Growing items={grants}>
      {(shown) => (
        <ul className="event-list surface first-open" aria-label={words.grants}>
          {shown.map((grant) => (
            <GrantRow key={grant.id} grant={grant} mayDecide={mayDecide} />
          ))}
        </ul>
      )}
    </Growing>
  );
}

/** What plugins asked for, what was decided, and the decision itself. */
export function Grants() {
  const may = useMay();
  const [status, setStatus] = useState<GrantStatus | "">("");
  const [making, make] = useDisclosure(false);
  const grants = useQuery(grantsQuery(status || undefined));
  const mayDecide = may("data.access.approve");
  return (
    <Stack component="section" gap="sm" aria-labelledby="grants">
      <Group justify="space-between" align="flex-end" gap="sm">
        <div>
          <Title order={2} id="grants">
            {words.grants}
          </Title>
          <Text size="sm" c="dimmed" maw={640}>
            {words.grantsHint}
          </Text>
        </div>
        <Group gap="sm">
          <NativeSelect
            aria-label={words.status}
            value={status}
            data={[{ value: "", label: words.everyStatus }, ...STATUSES.map((value) => ({ value, label: words.statuses[value] ?? value }))]}
            onChange={(event) => setStatus(event.currentTarget.value as GrantStatus | "")}
          />
          {mayDecide && (
            <Button variant="default" leftSection={<Icon name="plus" size={16} />} onClick={make.open}>
              {words.grant}
            </Button>
          )}
        </Group>
      </Group>
      <Loaded query={grants} skeleton={{ height: 56, rows: 2 }}>
        {(found) => <List grants={found} mayDecide={mayDecide} />}
      </Loaded>
      {making && <NewGrant onClose={make.close} />}
    </Stack>
  );
}
