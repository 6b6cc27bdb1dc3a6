import { Button, Code, Collapse, Group, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useId } from "react";

import { answer, client } from "../api/client";
import { firingsQuery, plansQuery, triggersQuery, useAct } from "../api/queries";
import type { Firing, Trigger } from "../api/types";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { Growing } from "../parts/Growing";
import { Icon } from "../parts/Icon";
import { Loaded, More } from "../parts/Loaded";
import { State } from "../parts/State";
import { When } from "../parts/When";
import { Page } from "../shell/Page";
import { NewTrigger } from "./triggers/NewTrigger";

const WORDS = { active: t.triggers.active, paused: t.triggers.paused, ...t.triggers.outcomes };

function FiringRow({ trigger, firing }: { trigger: Trigger; firing: Firing }) {
  const startedPlan = firing.outcome === "started" && trigger.action.kind === "plan" && firing.reference;
  return (
    <Group gap="sm" py={6}>
      <State state={firing.outcome} words={WORDS} />
      <Text size="sm" component="span">
        <When at={firing.at} /> {t.triggers.causes[firing.cause] ?? firing.cause}
      </Text>
      {firing.detail && (
        <Text size="sm" c="dimmed" component="span">
          {firing.detail}
        </Text>
      )}
      {startedPlan && (
        <Text size="sm" component={Link} to={`/runs/${firing.reference}`} c="var(--mantine-color-anchor)">
          {t.triggers.toRun}
        </Text>
      )}
    </Group>
  );
}

function History({ trigger }: { trigger: Trigger }) {
  const firings = useInfiniteQuery(firingsQuery(trigger.id));
  const items = firings.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack gap={2} pt="sm">
      {firings.isSuccess && items.length === 0 && (
        <Text size="sm" c="dimmed">
          {t.triggers.noFirings}
        </Text>
      )}
      {items.map((firing) => (
        <FiringRow key={firing.id} trigger={trigger} firing={firing} />
      ))}
      <More query={firings} />
    </Stack>
  );
}

function Facts({ trigger }: { trigger: Trigger }) {
  const plans = useQuery(plansQuery);
  const { kind, plan_id, tool } = trigger.action as { kind: string; plan_id?: string; tool?: string };
  const planName = plans.data?.find(({ id }) => id === plan_id)?.name ?? "…";
  return (
    <Stack gap={4}>
      <Text size="sm" component="div">
        <Code>{trigger.schedule.cron}</Code> {trigger.schedule.timezone},{" "}
        {kind === "plan" ? t.triggers.runsPlan(planName) : t.triggers.runsTool(tool ?? "")}
      </Text>
      <Text size="sm" c="dimmed" component="div">
        {t.triggers.next}: {trigger.enabled && trigger.next_fire_at ? <When at={trigger.next_fire_at} /> : "–"} · {t.triggers.last}:{" "}
        {trigger.last_fired_at ? <When at={trigger.last_fired_at} /> : t.triggers.never}
      </Text>
    </Stack>
  );
}

function Actions({ trigger }: { trigger: Trigger }) {
  const params = { params: { path: { trigger_id: trigger.id } } };
  const fire = useAct({
    act: () => answer(client.POST("/api/v1/triggers/{trigger_id}/fire", params)),
    touches: [["triggers"], ["runs"]],
    said: (firing) => t.triggers.fired(firing.outcome),
  });
  const toggle = useAct({
    act: () =>
      answer(
        trigger.enabled
          ? client.POST("/api/v1/triggers/{trigger_id}/pause", params)
          : client.POST("/api/v1/triggers/{trigger_id}/resume", params),
      ),
    touches: [["triggers"]],
  });
  return (
    <Group gap="sm">
      <Button
        variant="default"
        loading={toggle.isPending}
        leftSection={<Icon name={trigger.enabled ? "pause" : "play"} size={16} />}
        onClick={() => toggle.mutate(undefined)}
        aria-label={trigger.enabled ? t.triggers.pauseNamed(trigger.name) : t.triggers.resumeNamed(trigger.name)}
      >
        {trigger.enabled ? t.triggers.pause : t.triggers.resume}
      </Button>
      <Button
        loading={fire.isPending}
        leftSection={<Icon name="bolt" size={16} />}
        onClick={() => fire.mutate(undefined)}
        aria-label={t.triggers.fireNamed(trigger.name)}
      >
        {t.triggers.fire}
      </Button>
    </Group>
  );
}

function TriggerCard({ trigger }: { trigger: Trigger }) {
  const [opened, history] = useDisclosure(false);
  const id = useId();
  return (
    <Stack component="article" className="surface" p="lg" gap="sm" aria-label={trigger.name}>
      <Group justify="space-between" gap="md">
        <Stack gap={6} miw={0}>
          <Group gap="sm">
            <Title order={2}>{trigger.name}</Title>
            <State state={trigger.enabled ? "active" : "paused"} words={WORDS} />
          </Group>
          <Facts trigger={trigger} />
        </Stack>
        <Actions trigger={trigger} />
      </Group>
      <div>
        <Button variant="subtle" size="compact-sm" ml={-8} onClick={history.toggle} aria-expanded={opened} aria-controls={id}>
          {t.triggers.history}
        </Button>
        <Collapse expanded={opened} id={id}>
          {opened && <History trigger={trigger} />}
        </Collapse>
      </div>
    </Stack>
  );
}

export function TriggersPage() {
  const triggers = useQuery(triggersQuery);
  const [creating, newTrigger] = useDisclosure(false);
  const open = (
    <Button leftSection={<Icon name="plus" />} onClick={newTrigger.open}>
      {t.triggers.new}
    </Button>
  );
  return (
    <Page title={t.triggers.title} hint={t.triggers.hint} actions={open}>
      <NewTrigger opened={creating} onClose={newTrigger.close} />
      <Loaded query={triggers} skeleton={{ height: 140, rows: 2 }}>
        {(items) =>
          items.length === 0 ? (
            <div className="surface">
              <EmptyState icon="triggers" title={t.triggers.none} hint={t.triggers.noneHint} />
            </div>
          ) : (
            <Growing items={items}>
              {(shown) => (
                <Stack gap="md">
                  {shown.map((trigger) => (
                    <TriggerCard key={trigger.id} trigger={trigger} />
                  ))}
                </Stack>
              )}
            </Growing>
          )
        }
      </Loaded>
    </Page>
  );
}
