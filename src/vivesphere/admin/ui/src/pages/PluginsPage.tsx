import { Alert, Badge, Code, Group, SimpleGrid, Stack, Switch, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { answer, client } from "../api/client";
import { pluginsQuery, useAct } from "../api/queries";
import type { Plugin } from "../api/types";
import { t } from "../messages";
import { EmptyState } from "../parts/EmptyState";
import { Growing } from "../parts/Growing";
import { Icon } from "../parts/Icon";
import { Loaded } from "../parts/Loaded";
import { State } from "../parts/State";
import { Page } from "../shell/Page";

function Brings({ plugin }: { plugin: Plugin }) {
  return (
    <Stack gap="sm">
      {plugin.commands.length > 0 && (
        <div>
          <Text size="xs" fw={600} c="dimmed" mb={4}>
            {t.plugins.commands}
          </Text>
          <Stack gap={4}>
            {plugin.commands.map(({ name, help, usage }) => (
              <Text key={name} size="sm">
                <Code>{`${name} ${usage}`.trim()}</Code> {help}
              </Text>
            ))}
          </Stack>
        </div>
      )}
      {plugin.tools.length > 0 && (
        <div>
          <Text size="xs" fw={600} c="dimmed" mb={4}>
            {t.plugins.tools}
          </Text>
          <Group gap={6}>
            {plugin.tools.map((name) =>
              plugin.status === "enabled" ? (
                <Link key={name} to="/tools/try" search={{ name }} className="plain-link">
                  <Badge color="gray" style={{ cursor: "pointer" }}>
                    {name}
                  </Badge>
                </Link>
              ) : (
                <Badge key={name} color="gray">
                  {name}
                </Badge>
              ),
            )}
          </Group>
        </div>
      )}
    </Stack>
  );
}

function PluginCard({ plugin }: { plugin: Plugin }) {
  const enabled = plugin.status === "enabled";
  const params = { params: { path: { plugin_id: plugin.id } } };
  const toggle = useAct({
    act: () =>
      answer(enabled ? client.POST("/api/v1/plugins/{plugin_id}/disable", params) : client.POST("/api/v1/plugins/{plugin_id}/enable", params)),
    touches: [["plugins"], ["tools"]],
    said: (made) => (made.status === "enabled" ? t.plugins.enabled(made.name) : t.plugins.disabled(made.name)),
  });
  return (
    <Stack component="article" className="surface" p="lg" gap="md" aria-label={plugin.name}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Group gap="sm">
            <Title order={2}>{plugin.name}</Title>
            <State state={plugin.status} words={t.plugins.statuses} />
          </Group>
          <Text size="xs" c="dimmed" mt={2}>
            {t.app.version(plugin.version)} · {t.plugins.isolation(plugin.isolation)}
          </Text>
        </div>
        <Switch
          checked={enabled}
          disabled={toggle.isPending}
          onChange={() => toggle.mutate(undefined)}
          aria-label={t.plugins.toggle(plugin.name)}
          size="md"
        />
      </Group>
      <Text size="sm">{plugin.description}</Text>
      {plugin.status === "error" && plugin.detail && (
        <Alert color="red" icon={<Icon name="alert" />} p="sm">
          {plugin.detail}
        </Alert>
      )}
      <Brings plugin={plugin} />
    </Stack>
  );
}

export function PluginsPage() {
  const plugins = useQuery(pluginsQuery);
  return (
    <Page title={t.plugins.title} hint={t.plugins.hint}>
      <Loaded query={plugins} skeleton={{ height: 170, rows: 3 }}>
        {(items) =>
          items.length === 0 ? (
            <div className="surface">
              <EmptyState icon="plugins" title={t.plugins.none} hint={t.plugins.noneHint} />
            </div>
          ) : (
            <Growing items={items}>
              {(shown) => (
                <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
                  {shown.map((plugin) => (
                    <PluginCard key={plugin.id} plugin={plugin} />
                  ))}
                </SimpleGrid>
              )}
            </Growing>
          )
        }
      </Loaded>
    </Page>
  );
}
