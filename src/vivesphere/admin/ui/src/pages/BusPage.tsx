import { Alert, List, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { busQuery } from "../api/events";
import type { BusOverview } from "../api/types";
import { language, t } from "../messages";
import { byteWords, durationWords } from "../parts/duration";
import { Icon } from "../parts/Icon";
import { Loaded } from "../parts/Loaded";
import { troublesOf, type Rates } from "./events/bus";
import { Publishers, Responders, Subscribers } from "./events/BusTables";
import { EventsFrame } from "./events/EventsFrame";
import { useRates } from "./events/useRates";

const { bus: words } = t.events;
const plain = new Intl.NumberFormat(language);
const brief = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });

function Figure({ label, value, note, bad = false }: { label: string; value: string; note?: ReactNode; bad?: boolean }) {
  return (
    <Stack className="surface" p="md" gap={2}>
      <Text size="xs" fw={600} c="dimmed">
        {label}
      </Text>
      <Text fz={22} fw={650} lts="-0.02em" c={bad ? "red" : undefined} style={{ fontVariantNumeric: "tabular-nums" }}>
        {value}
      </Text>
      <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }} component="div">
        {note ?? "\u00a0"}
      </Text>
    </Stack>
  );
}

function refusedWords(refused: Record<string, number>): string {
  const kinds = Object.entries(refused).filter(([, n]) => n > 0);
  return kinds.map(([kind, n]) => `${words.refusals[kind] ?? kind.replaceAll("_", " ")}: ${plain.format(n)}`).join(", ");
}

function Figures({ bus, rates }: { bus: BusOverview; rates: Rates | null }) {
  const { log, loop, audit } = bus;
  const refused = Object.values(bus.refused).reduce((sum, n) => sum + n, 0);
  const lost = audit.unaudited > 0 ? words.auditLost(plain.format(audit.unaudited)) : words.auditWaiting(plain.format(audit.waiting));
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, xl: 6 }} spacing="md" role="group" aria-label={words.figures}>
      <Figure label={words.published} value={brief.format(bus.published)} note={rates && words.perSecond(brief.format(rates.all))} />
      <Figure label={words.requests} value={brief.format(bus.requests)} />
      <Figure label={words.refused} value={brief.format(refused)} note={refusedWords(bus.refused)} />
      <Figure
        label={words.log}
        value={byteWords(log.bytes)}
        note={
          <>
            {words.logEvents(brief.format(log.events))}
            {log.oldest !== null && `, ${words.logFrom(plain.format(log.oldest), plain.format(log.newest))}`}
          </>
        }
      />
      <Figure
        label={words.loop}
        value={durationWords(loop.last_ms)}
        note={`${words.loopWorst(durationWords(loop.worst_ms))}${loop.culprit ? `: ${loop.culprit}` : ""}`}
        bad={loop.last_ms > 100}
      />
      <Figure label={words.audit} value={brief.format(audit.recorded)} note={lost} bad={audit.unaudited > 0} />
    </SimpleGrid>
  );
}

function Condition({ bus }: { bus: BusOverview }) {
  const troubles = troublesOf(bus);
  if (troubles.length === 0) {
    return (
      <Alert color="vive" icon={<Icon name="check" />} role="status">
        {words.everything}
      </Alert>
    );
  }
  return (
    <Alert color="amber" icon={<Icon name="alert" />} title={words.trouble(troubles.length)} role="status">
      <List size="sm" spacing={4}>
        {troubles.map((sentence) => (
          <List.Item key={sentence} style={{ overflowWrap: "anywhere" }}>
            {sentence}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}

function Health({ bus, rates }: { bus: BusOverview; rates: Rates | null }) {
  return (
    <Stack gap="lg">
      <Condition bus={bus} />
      <Figures bus={bus} rates={rates} />
      <Section title={words.subscribers} id="subscribers">
        <Subscribers subscribers={bus.subscribers} />
      </Section>
      <Section title={words.publishers} id="publishers">
        <Publishers publishers={bus.publishers} rates={rates} />
      </Section>
      <Section title={words.responders} id="responders">
        <Responders responders={bus.responders} />
      </Section>
    </Stack>
  );
}

function Section({ title, id, children }: { title: string; id: string; children: ReactNode }) {
  return (
    <Stack component="section" className="surface" p="lg" gap="sm" aria-labelledby={id}>
      <Title order={2} id={id}>
        {title}
      </Title>
      {children}
    </Stack>
  );
}

export function BusPage() {
  const bus = useQuery(busQuery);
  const rates = useRates(bus.data, bus.dataUpdatedAt);
  return (
    <EventsFrame tab="/events/bus">
      <Loaded query={bus} skeleton={{ height: 140, rows: 4 }}>
        {(found) => <Health bus={found} rates={rates} />}
      </Loaded>
    </EventsFrame>
  );
}
