import { Badge, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { answer, client } from "../api/client";
import { sentenceOf } from "../api/problems";
import { toolQuery } from "../api/queries";
import type { Json, Tool, ToolRun } from "../api/types";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { JsonBlock } from "../parts/JsonBlock";
import { Loaded } from "../parts/Loaded";
import { Page } from "../shell/Page";
import { Effect } from "./tools/Effect";
import { ToolForm } from "./tools/ToolForm";

const route = getRouteApi("/signed-in/tools/try");

function Result({ run }: { run: ToolRun }) {
  const ok = run.status === "ok";
  return (
    <Stack gap="md">
      <Group gap="xs">
        <Badge color={ok ? "vive" : "red"} size="lg" leftSection={<Icon name={ok ? "check" : "cross"} size={13} />}>
          {ok ? t.tools.ok : t.tools.failed}
        </Badge>
        <Text size="sm" c="dimmed">
          {t.tools.took(run.duration_ms)}
        </Text>
        {run.dry_run && <Badge color="amber">{t.tools.dryRun}</Badge>}
      </Group>
      {run.detail && <Text size="sm">{run.detail}</Text>}
      {ok && <JsonBlock value={run.result ?? null} label={t.tools.result} />}
    </Stack>
  );
}

function Workbench({ tool }: { tool: Tool }) {
  const run = useMutation({
    mutationFn: (body: { arguments: Record<string, Json>; dry_run: boolean }) =>
      answer(client.POST("/api/v1/tools/{name}/run", { params: { path: { name: tool.name } }, body })),
  });
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      <ToolForm tool={tool} running={run.isPending} run={run.mutate} />
      <Stack className="surface" p="lg" gap="md" component="section" aria-live="polite" aria-label={t.tools.result}>
        <Title order={2}>{t.tools.result}</Title>
        {run.isIdle && <EmptyState icon="tools" title={t.tools.noResult} hint={t.tools.noResultHint} />}
        {run.isError && <ErrorNotice problem={sentenceOf(run.error)} />}
        {run.data && <Result run={run.data} />}
      </Stack>
    </SimpleGrid>
  );
}

export function ToolPage() {
  const { name } = route.useSearch();
  const tool = useQuery(toolQuery(name));
  return (
    <Page title={name} hint={tool.data?.description} back={{ to: "/tools", label: t.tools.back }}>
      <Loaded query={tool} skeleton={{ height: 260, rows: 1 }}>
        {(found) => (
          <Stack gap="lg">
            <Group gap="sm">
              <Effect effect={found.effect} />
              <Text size="sm" c="dimmed">
                {t.tools.effectHints[found.effect]}
              </Text>
            </Group>
            <Workbench key={found.name} tool={found} />
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}
