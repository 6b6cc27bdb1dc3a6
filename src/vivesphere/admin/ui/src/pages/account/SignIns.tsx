import { Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";

import { answer, client } from "../../api/client";
import { signInsQuery, useAct } from "../../api/queries";
import type { SignIn } from "../../api/types";
import { t } from "../../messages";
import { Confirm } from "../../parts/Confirm";
import { Growing } from "../../parts/Growing";
import { Loaded } from "../../parts/Loaded";
import { When } from "../../parts/When";

const TOUCHED = [signInsQuery.queryKey];

function Row({ signIn }: { signIn: SignIn }) {
  const { id, device, address, browser, current } = signIn;
  const end = useAct({
    act: () => answer(client.POST("/api/v1/auth/sessions/{session_id}/revoke", { params: { path: { session_id: id } } })),
    touches: TOUCHED,
    said: () => t.account.ended(device),
  });
  return (
    <Group component="li" justify="space-between" wrap="nowrap" gap="sm" py={10} style={{ borderTop: "1px solid var(--vive-line)" }}>
      <Stack gap={2} miw={0}>
        <Group gap="sm">
          <Text size="sm" fw={550}>
            {device}
          </Text>
          {current && <Badge color="vive">{t.account.current}</Badge>}
          {!browser && <Badge color="gray">{t.account.program}</Badge>}
        </Group>
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {t.account.from(address)} · {t.account.used} <When at={signIn.used_at} /> · {t.account.since} <When at={signIn.created_at} />
        </Text>
      </Stack>
      {!current && (
        <Button
          size="compact-sm"
          variant="default"
          loading={end.isPending}
          onClick={() => end.mutate(undefined)}
          aria-label={t.account.endOf(device, address)}
          style={{ flex: "none" }}
        >
          {t.account.end}
        </Button>
      )}
    </Group>
  );
}

function EndOthers() {
  const [asking, ask] = useDisclosure(false);
  const end = useAct({
    act: () => answer(client.POST("/api/v1/auth/sessions/revoke-others")),
    touches: TOUCHED,
    said: ({ count }) => t.account.endedOthers(count),
    then: ask.close,
  });
  return (
    <>
      <Button variant="subtle" color="red" onClick={ask.open}>
        {t.account.endOthers}
      </Button>
      <Confirm
        opened={asking}
        question={t.account.sure}
        hint={t.account.sureHint}
        yes={t.account.endOthers}
        busy={end.isPending}
        onYes={() => end.mutate(undefined)}
        onClose={ask.close}
      />
    </>
  );
}

/** Every sign-in of the person that goes on, and the way to end those that should not. */
export function SignIns() {
  const query = useQuery(signInsQuery);
  return (
    <Stack component="section" className="surface" p="lg" gap="md" aria-label={t.account.signIns}>
      <Group justify="space-between">
        <Title order={2}>{t.account.signIns}</Title>
        {(query.data?.length ?? 0) > 1 && <EndOthers />}
      </Group>
      <Loaded query={query} skeleton={{ height: 48, rows: 2 }}>
        {(items) => (
          <Growing items={items}>
            {(shown) => (
              <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
                {shown.map((signIn) => (
                  <Row key={signIn.id} signIn={signIn} />
                ))}
              </Stack>
            )}
          </Growing>
        )}
      </Loaded>
    </Stack>
  );
}
