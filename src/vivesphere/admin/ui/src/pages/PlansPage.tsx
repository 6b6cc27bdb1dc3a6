import { Button, Group, Modal, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";

import { answer, client } from "../api/client";
import { plansQuery, useAct } from "../api/queries";
import type { Plan } from "../api/types";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { Growing } from "../parts/Growing";
import { Icon } from "../parts/Icon";
import { Loaded } from "../parts/Loaded";
import { When } from "../parts/When";
import { Page } from "../shell/Page";
import { stepsOf } from "./plans/definition";
import { RunButton } from "./plans/RunButton";

const EXAMPLE = JSON.stringify({ steps: [{ id: "roll", kind: "tool", tool: "dice.roll", arguments: { notation: "2d6" } }] }, null, 2);

function PlanRow({ plan }: { plan: Plan }) {
  return (
    <Group component="article" className="surface" p="lg" justify="space-between" gap="md" aria-label={plan.name}>
      <Stack gap={2} miw={0}>
        <Title order={2}>
          <Link to="/plans/$planId" params={{ planId: plan.id }} className="plain-link">
            {plan.name}
          </Link>
        </Title>
        <Text size="sm" c="dimmed">
          {t.plans.steps(stepsOf(plan.definition).length)} · {t.plans.version(plan.version)} · {t.plans.changed} <When at={plan.updated_at} />
        </Text>
      </Stack>
      <RunButton plan={plan} />
    </Group>
  );
}

function NewPlan({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [wrong, setWrong] = useState<string | null>(null);
  const create = useAct({
    act: (body: { name: string; definition: Plan["definition"] }) => answer(client.POST("/api/v1/plans", { body })),
    touches: [["plans"]],
    said: (plan) => t.plans.created(plan.name),
    then: onClose,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    try {
      const definition = JSON.parse(String(fields.get("definition"))) as Plan["definition"];
      setWrong(null);
      create.mutate({ name: String(fields.get("name")).trim(), definition });
    } catch {
      setWrong(t.tools.invalidJson);
    }
  };
  return (
    <Modal opened={opened} onClose={onClose} title={t.plans.new} size="lg" closeButtonProps={{ "aria-label": t.lists.close }}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <TextInput name="name" label={t.plans.name} required data-autofocus />
          <Textarea
            name="definition"
            label={t.plans.definition}
            description={t.plans.definitionHint}
            defaultValue={EXAMPLE}
            error={wrong}
            autosize
            minRows={8}
            maxRows={20}
            spellCheck={false}
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.lists.cancel}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {t.plans.create}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

export function PlansPage() {
  const plans = useQuery(plansQuery);
  const [creating, newPlan] = useDisclosure(false);
  const open = (
    <Button leftSection={<Icon name="plus" />} onClick={newPlan.open}>
      {t.plans.new}
    </Button>
  );
  return (
    <Page title={t.plans.title} hint={t.plans.hint} actions={open}>
      <NewPlan opened={creating} onClose={newPlan.close} />
      <Loaded query={plans}>
        {(items) =>
          items.length === 0 ? (
            <div className="surface">
              <EmptyState icon="plans" title={t.plans.none} hint={t.plans.noneHint} />
            </div>
          ) : (
            <Growing items={items}>
              {(shown) => (
                <Stack gap="md">
                  {shown.map((plan) => (
                    <PlanRow key={plan.id} plan={plan} />
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
