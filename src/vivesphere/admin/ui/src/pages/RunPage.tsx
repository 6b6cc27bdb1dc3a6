import { Alert, Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { answer, client } from "../api/client";
import { planQuery, runQuery, useAct } from "../api/queries";
import type { Outcome, Run, Step } from "../api/types";
import { t } from "../messages";
import { Icon } from "../parts/Icon";
import { JsonBlock } from "../parts/JsonBlock";
import { Loaded } from "../parts/Loaded";
import { colourOf, runWords, State } from "../parts/State";
import { When } from "../parts/When";
import { Page } from "../shell/Page";

const route = getRouteApi("/signed-in/runs/$runId");
const MOVING = new Set(["running", "waiting"]);
const OUTCOMES: readonly { outcome: Outcome; label: string }[] = [
  { outcome: "happened", label: t.runs.happened },
  { outcome: "retry", label: t.runs.retry },
  { outcome: "fail", label: t.runs.fail },
];

/** The question that only a person can answer: a crash came between the act and its journal entry. */
function Decide({ run, step }: { run: Run; step: Step }) {
  const decide = useAct({
    act: (outcome: Outcome) =>
      answer(
        client.POST("/api/v1/runs/{run_id}/steps/{step_id}/resolve", {
          params: { path: { run_id: run.id, step_id: step.id } },
          body: { outcome },
        }),
      ),
    touches: [["runs"]],
    said: () => t.runs.resolved,
  });
  return (
    <Alert color="amber" icon={<Icon name="alert" />} mt="sm">
      <Text size="sm" mb="sm">
        {t.runs.unknown}
      </Text>
      <Group gap="xs">
        {OUTCOMES.map(({ outcome, label }) => (
          <Button key={outcome} size="compact-sm" variant="default" disabled={decide.isPending} onClick={() => decide.mutate(outcome)}>
            {label}
          </Button>
        ))}
      </Group>
    </Alert>
  );
}

function StepRow({ run, step, number }: { run: Run; step: Step; number: number }) {
  const colour = colourOf(step.status);
  const mark = { background: `var(--mantine-color-${colour}-light)`, color: `var(--mantine-color-${colour}-light-color)` };
  return (
    <li className="step-rail">
      <span className="step-mark" style={mark}>
        {step.status === "completed" ? <Icon name="check" size={12} /> : number}
      </span>
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          <Text fw={600} size="sm">
            {step.id}
          </Text>
          <Badge color="gray" size="sm">
            {step.kind}
          </Badge>
          <State state={step.status} words={runWords} />
        </Group>
        <Text size="xs" c="dimmed">
          {step.attempts > 1 && `${t.runs.attempts(step.attempts)} · `}
          {step.finished_at ? <When at={step.finished_at} style="clock" /> : step.started_at && <When at={step.started_at} style="clock" />}
        </Text>
      </Group>
      {step.detail && (
        <Text size="sm" mt={4} c={step.status === "failed" ? "red" : "dimmed"}>
          {step.detail}
        </Text>
      )}
      {step.status === "unknown" && <Decide run={run} step={step} />}
      {step.result !== null && step.result !== undefined && (
        <div style={{ marginTop: 8 }}>
          <JsonBlock value={step.result} label={`${t.tools.result}: ${step.id}`} />
        </div>
      )}
    </li>
  );
}

function RunDetail({ run }: { run: Run }) {
  return (
    <Stack gap="lg">
      <Group gap="sm">
        <State state={run.status} words={runWords} />
        {run.dry_run && <Badge color="amber">{t.runs.dryRun}</Badge>}
        <Text size="sm" c="dimmed">
          {t.runs.started} <When at={run.started_at} />
          {run.finished_at && (
            <>
              {" · "}
              {t.runs.finished} <When at={run.finished_at} />
            </>
          )}
        </Text>
      </Group>
      {run.detail && (
        <Alert color={run.status === "failed" ? "red" : "amber"} icon={<Icon name="alert" />}>
          {run.detail}
        </Alert>
      )}
      <Stack component="section" className="surface" p="lg" gap="lg" aria-labelledby="steps-title">
        <Title order={2} id="steps-title">
          {t.plans.stepsTitle}
        </Title>
        <Stack gap="lg" component="ol" m={0} p={0} style={{ listStyle: "none" }}>
          {run.steps.map((step, index) => (
            <StepRow key={step.id} run={run} step={step} number={index + 1} />
          ))}
        </Stack>
      </Stack>
      {Object.keys(run.input ?? {}).length > 0 && (
        <Stack component="section" className="surface" p="lg" gap="sm">
          <Title order={2}>{t.runs.input}</Title>
          <JsonBlock value={run.input} label={t.runs.input} />
        </Stack>
      )}
    </Stack>
  );
}

function CancelButton({ run }: { run: Run }) {
  const cancel = useAct({
    act: () => answer(client.POST("/api/v1/runs/{run_id}/cancel", { params: { path: { run_id: run.id } } })),
    touches: [["runs"]],
    said: () => t.runs.cancelled,
  });
  return (
    <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
      {t.runs.cancel}
    </Button>
  );
}

export function RunPage() {
  const { runId } = route.useParams();
  const run = useQuery(runQuery(runId));
  const planId = run.data?.plan_id ?? "";
  const plan = useQuery({ ...planQuery(planId), enabled: planId !== "" });
  return (
    <Page
      title={plan.data ? t.runs.title(plan.data.name) : t.runs.plain}
      hint={run.data && t.plans.version(run.data.version)}
      back={planId ? { to: `/plans/${planId}`, label: plan.data?.name ?? t.plans.back } : { to: "/plans", label: t.plans.back }}
      actions={run.data && MOVING.has(run.data.status) && <CancelButton run={run.data} />}
    >
      <Loaded query={run} skeleton={{ height: 260, rows: 1 }}>
        {(found) => <RunDetail run={found} />}
      </Loaded>
    </Page>
  );
}
