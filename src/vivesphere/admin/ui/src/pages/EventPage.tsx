import { Alert, Button, Grid, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";

import { chainQuery, eventQuery } from "../api/events";
import type { ChainEffect, ChainEvent, EventChain } from "../api/types";
import { Problem } from "../api/problems";
import { t } from "../messages";
import { ButtonLink } from "../parts/ButtonLink";
import { EmptyState } from "../parts/EmptyState";
import { Icon } from "../parts/Icon";
import { JsonBlock } from "../parts/JsonBlock";
import { Loaded } from "../parts/Loaded";
import { State } from "../parts/State";
import { When } from "../parts/When";
import { Page } from "../shell/Page";
import { Facts, type Fact } from "../parts/Facts";
import { ChainTree, HERE } from "./events/ChainTree";
import { lineOf } from "./events/EventRow";
import { Principal } from "./events/Who";

const route = getRouteApi("/signed-in/events/$eventId");
const { one: words } = t.events;

/** A chain of more events than this does not fit on a screen. */
const LONG = 10;

function factsOf(event: ChainEvent): Fact[] {
  return [
    { label: words.at, value: <When at={event.at} style="exact" /> },
    { label: words.by, value: <Principal name={event.source} /> },
    { label: words.authority, value: <Principal name={event.actor} /> },
    { label: words.project, value: event.project },
    { label: words.place, value: event.seq === null ? "–" : t.events.recorded(event.seq) },
    { label: words.hop, value: event.hop },
    {
      label: words.correlation,
      value: (
        <Link to="/events/history" search={{ correlation_id: event.correlation_id }} className="quiet-link">
          {event.correlation_id}
        </Link>
      ),
    },
    { label: words.id, value: event.id },
  ];
}

function ThisEvent({ event }: { event: ChainEvent }) {
  return (
    <Stack component="section" className="surface" p="lg" gap="md" aria-labelledby="this-title">
      <Title order={2} id="this-title">
        {words.facts}
      </Title>
      {event.hidden ? <Text size="sm">{words.hidden}</Text> : <Facts facts={factsOf(event)} />}
      {!event.hidden && (
        <>
          <Title order={3} fz="sm">
            {words.payload}
          </Title>
          {Object.keys(event.data).length > 0 ? (
            <JsonBlock value={event.data} label={t.events.details(event.topic)} />
          ) : (
            <Text size="sm" c="dimmed">
              {words.empty}
            </Text>
          )}
        </>
      )}
    </Stack>
  );
}

function Effects({ effects }: { effects: readonly ChainEffect[] }) {
  return (
    <Stack component="section" className="surface" p="lg" gap="sm" aria-labelledby="effects-title">
      <Title order={2} id="effects-title">
        {words.effects}
      </Title>
      {effects.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.noEffects}
        </Text>
      )}
      <Stack component="ul" gap="sm" m={0} p={0} style={{ listStyle: "none" }}>
        {effects.map((effect) => (
          <li key={effect.id} data-effect={effect.kind}>
            <Group justify="space-between" gap="xs">
              <Group gap="xs">
                <Text size="sm" fw={600} component="span">
                  {effect.kind}
                </Text>
                <State state={effect.status} words={words.outcomes} />
              </Group>
              <Text size="xs" c="dimmed" component="span">
                <When at={effect.at} style="clock" />
              </Text>
            </Group>
            <span className="event-topic">{effect.target}</span>
          </li>
        ))}
      </Stack>
    </Stack>
  );
}

function Chain({ chain, event, eventId }: { chain: EventChain; event: ChainEvent | undefined; eventId: string }) {
  return (
    <Grid gap="lg">
      <Grid.Col span={{ base: 12, lg: 5 }}>
        <Stack gap="lg">
          {event && <ThisEvent event={event} />}
          <Effects effects={chain.effects} />
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 7 }}>
        <Stack component="section" className="surface" p="lg" gap="md" aria-labelledby="chain-title">
          <Group justify="space-between">
            <Title order={2} id="chain-title">
              {words.chain}{" "}
              <Text span size="sm" c="dimmed" fw={400}>
                {words.events(chain.events.length)}
              </Text>
            </Title>
            {chain.events.length > LONG && chain.events.some(({ id }) => id === eventId) && (
              <Button variant="subtle" size="compact-sm" onClick={() => document.getElementById(HERE)?.scrollIntoView({ block: "center" })}>
                {words.toThis}
              </Button>
            )}
          </Group>
          {chain.truncated && (
            <Alert color="amber" icon={<Icon name="alert" />}>
              {words.truncated}
            </Alert>
          )}
          <ChainTree events={chain.events} current={eventId} />
        </Stack>
      </Grid.Col>
    </Grid>
  );
}

function Gone() {
  return (
    <div className="surface">
      <EmptyState icon="search" title={words.gone} hint={words.goneHint}>
        <ButtonLink to="/events/history">{words.toHistory}</ButtonLink>
      </EmptyState>
    </div>
  );
}

export function EventPage() {
  const { eventId } = route.useParams();
  const chain = useQuery(chainQuery(eventId));
  const inChain = chain.data?.events.find(({ id }) => id === eventId);
  const alone = useQuery({ ...eventQuery(eventId), enabled: chain.isSuccess && inChain === undefined });
  const event = inChain ?? (alone.data && { ...alone.data, hidden: false });
  const gone = chain.error instanceof Problem && chain.error.status === 404;
  const title = event && !event.hidden ? event.topic : words.title;
  return (
    <Page title={title} hint={event && !event.hidden && lineOf(event.topic, event.data)} back={{ to: "/events", label: words.back }}>
      {gone ? <Gone /> : <Loaded query={chain}>{(found) => <Chain chain={found} event={event} eventId={eventId} />}</Loaded>}
    </Page>
  );
}
