import { Grid, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Button } from "@mantine/core";

import { t } from "../messages";
import { Icon } from "../parts/Icon";
import { Page } from "../shell/Page";
import { BotCards } from "./dashboard/BotCards";
import { HealthCard } from "./dashboard/HealthCard";
import { LiveEvents } from "./dashboard/LiveEvents";
import { NewBot } from "./dashboard/NewBot";

export function DashboardPage() {
  const [creating, newBot] = useDisclosure(false);
  return (
    <Page
      title={t.dashboard.title}
      hint={t.dashboard.hint}
      actions={
        <Button leftSection={<Icon name="plus" />} onClick={newBot.open}>
          {t.bots.new}
        </Button>
      }
    >
      <NewBot opened={creating} onClose={newBot.close} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, lg: 7 }}>
          <Stack gap="lg">
            <BotCards onCreate={newBot.open} />
            <HealthCard />
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>
          <LiveEvents />
        </Grid.Col>
      </Grid>
    </Page>
  );
}
