import { Badge, Group, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { toolsQuery } from "../api/queries";
import type { Tool } from "../api/types";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { Growing } from "../parts/Growing";
import { Icon } from "../parts/Icon";
import { Loaded } from "../parts/Loaded";
import { Page } from "../shell/Page";
import { Effect } from "./tools/Effect";

const route = getRouteApi("/signed-in/tools");

function ToolCard({ tool }: { tool: Tool }) {
  return (
    <Link to="/tools/try" search={{ name: tool.name }} className="surface card-link">
      <Stack p="md" gap={6} h="100%">
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Text fw={600} size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {tool.name}
          </Text>
          <Effect effect={tool.effect} />
        </Group>
        <Text size="sm" c="dimmed" flex={1} lineClamp={3}>
          {tool.description}
        </Text>
        {tool.source !== "builtin" && (
          <Badge color="amber" size="sm">
            {t.tools.source(tool.source)}
          </Badge>
        )}
      </Stack>
    </Link>
  );
}

export function ToolsPage() {
  const { query = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(query);
  const [settled] = useDebouncedValue(typed, 200);
  useEffect(() => {
    void navigate({ search: { query: settled || undefined }, replace: true });
  }, [settled, navigate]);
  const tools = useQuery(toolsQuery(settled));
  return (
    <Page title={t.tools.title} hint={t.tools.hint}>
      <Stack gap="lg">
        <TextInput
          maw={420}
          size="md"
          aria-label={t.tools.search}
          placeholder={t.tools.search}
          leftSection={<Icon name="search" />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Loaded query={tools} skeleton={{ height: 104, rows: 4 }}>
          {(items) =>
            items.length === 0 ? (
              <div className="surface">
                <EmptyState icon="search" title={t.tools.none} hint={t.tools.noneHint} />
              </div>
            ) : (
              <Growing items={items}>
                {(shown) => (
                  <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
                    {shown.map((tool) => (
                      <ToolCard key={tool.name} tool={tool} />
                    ))}
                  </SimpleGrid>
                )}
              </Growing>
            )
          }
        </Loaded>
      </Stack>
    </Page>
  );
}
