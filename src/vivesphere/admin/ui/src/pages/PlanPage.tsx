import { Badge, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";

import { planQuery, runsQuery } from "../api/queries";
import type { Plan, RunSummary } from "../api/types";
import { t } from "../messages";
import { Loaded, More } from "../parts/Loaded";
import { runWords, State } from "../parts/State";
import { When } from "../parts/When";
import { Page } from "../shell/Page";
import { gistOf, stepsOf } from "./plans/definition";
import { RunButton } from "./plans/RunButton";

const route = getRouteApi("/signed-in/plans/$planId");

function Steps({ plan }: { plan: Plan }) {
  return (
    <Stack component="section" className="surface" p="lg" gap="lg" aria-labelledby="steps-title">
      <Title order={2} id="steps-title">
        {t.plans.stepsTitle}
      </Title>
      <Stack gap="lg" component="ol" m={0} p={0} style={{ listStyle: "none" }}>
        {stepsOf(plan.definition).map((step, index) => (
          <li key={step.id} className="step-rail">
            <span className="step-mark">{index + 1}</span>
            <Group gap="xs">
              <Text fw={600} size="sm">
                {step.id}
              </Text>
              <Badge color="gray" size="sm">
                {step.kind}
              </Badge>
            </Group>
            <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {gistOf(step)}
            </Text>
          </li>
        ))}
      </Stack>
    </Stack>
  );
}

function RunRow({ run }: { run: RunSummary }) {
  return (
    <Link to="/runs/$runId" params={{ runId: run.id }} className="nav-link" style={{ justifyContent: "space-between" }}>
      <Group gap="sm" component="span">
        <State state={run.status} words={runWords} />
        {run.dry_run && (
          <Badge color="amber" size="sm">
            {t.runs.dryRun}
          </Badge>
        )}
      </Group>
      <When at={run.started_at} />
    </Link>
  );
}

function Runs({ planId }: { planId: string }) {
  const runs = useInfiniteQuery(runsQuery(planId));
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack component="section" className="surface" p="lg" gap="sm" aria-labelledby="runs-title">
      <Title order={2} id="runs-title">
        {t.plans.runs}
      </Title>
      {runs.isSuccess && items.length === 0 && (
        <Text size="sm" c="dimmed">
          {t.plans.noRuns}
        </Text>
      )}
      <Stack gap={2}>
        {items.map((run) => (
          <RunRow key={run.id} run={run} />
        ))}
      </Stack>
      <More query={runs} />
    </Stack>
  );
}

export function PlanPage() {
  const { planId } = route.useParams();
  const plan = useQuery(planQuery(planId));
  return (
    <Page
      title={plan.data?.name ?? t.plans.title}
      hint={plan.data && t.plans.version(plan.data.version)}
      back={{ to: "/plans", label: t.plans.back }}
      actions={plan.data && <RunButton plan={plan.data} />}
    >
      <Loaded query={plan} skeleton={{ height: 260, rows: 1 }}>
        {(found) => (
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg" style={{ alignItems: "start" }}>
            <Steps plan={found} />
            <Runs planId={planId} />
          </SimpleGrid>
        )}
      </Loaded>
    </Page>
  );
}
