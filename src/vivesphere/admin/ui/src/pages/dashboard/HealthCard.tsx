import { Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Part } from "../../api/health";
import { healthQuery } from "../../api/queries";
import { t } from "../../messages";
import { Loaded } from "../../parts/Loaded";
import { colourOf } from "../../parts/State";

function PartRow({ part }: { part: Part }) {
  return (
    <Group gap={10} wrap="nowrap" align="flex-start">
      <span className="dot" style={{ color: `var(--mantine-color-${colourOf(part.status)}-6)`, marginTop: 7 }} />
      <Text size="sm" component="span" style={{ overflowWrap: "anywhere" }}>
        {part.name}{" "}
        <Text span size="xs" c="dimmed">
          {t.dashboard.module[part.status] ?? part.status}
          {part.detail && `: ${part.detail}`}
        </Text>
      </Text>
    </Group>
  );
}

export function HealthCard() {
  const health = useQuery(healthQuery);
  const unwell = health.data?.filter((part) => part.status !== "ok").length ?? 0;
  return (
    <Stack component="section" gap="sm" aria-labelledby="health-title">
      <Title order={2} id="health-title" className="section-title">
        {t.dashboard.health}
      </Title>
      <Loaded query={health} skeleton={{ height: 150, rows: 1 }}>
        {(parts) => (
          <Stack className="surface" p="lg" gap="md">
            <Text fw={600} size="sm">
              {parts.length === 0 ? t.dashboard.noHealth : unwell === 0 ? t.dashboard.healthy : t.dashboard.unhealthy(unwell)}
            </Text>
            <SimpleGrid cols={{ base: 2, xs: 3 }} spacing="md" verticalSpacing={10}>
              {parts.map((part) => (
                <PartRow key={part.name} part={part} />
              ))}
            </SimpleGrid>
          </Stack>
        )}
      </Loaded>
    </Stack>
  );
}
