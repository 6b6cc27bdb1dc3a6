import { Button, Group } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";

import { answer, client } from "../../api/client";
import { useAct } from "../../api/queries";
import type { Plan } from "../../api/types";
import { t } from "../../messages";
import { Icon } from "../../parts/Icon";

/** Starts a run, for real or dry, and goes to watch it. */
export function RunButton({ plan }: { plan: Plan }) {
  const navigate = useNavigate();
  const start = useAct({
    act: (dry_run: boolean) =>
      answer(client.POST("/api/v1/plans/{plan_id}/runs", { params: { path: { plan_id: plan.id } }, body: { dry_run } })),
    touches: [["runs"]],
    said: () => t.plans.started,
    then: ({ run_id }) => void navigate({ to: "/runs/$runId", params: { runId: run_id } }),
  });
  return (
    <Group gap="sm">
      <Button variant="default" disabled={start.isPending} onClick={() => start.mutate(true)}>
        {t.plans.dryRun}
      </Button>
      <Button
        leftSection={<Icon name="play" size={16} />}
        loading={start.isPending}
        onClick={() => start.mutate(false)}
        aria-label={t.plans.runNow(plan.name)}
      >
        {t.plans.run}
      </Button>
    </Group>
  );
}
