import { Box, Center, Stack, Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";

import { t } from "../messages";
import { Logo } from "./Logo";

/** The frame of the two pages before the door: login and set-up. */
export function Welcome({ title, hint, children }: { title: string; hint: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · ${t.app.name}`;
  }, [title]);
  return (
    <main className="welcome">
      <Stack w="100%" maw={420} gap="xl">
        <Stack gap={6} align="center">
          <Logo size={46} />
          <Text c="dimmed">{t.app.claim}</Text>
        </Stack>
        <Box className="surface" p={{ base: "lg", xs: "xl" }}>
          <Stack gap="lg">
            <div>
              <Title order={1} fz="1.375rem" lts="-0.02em">
                {title}
              </Title>
              <Text c="dimmed" size="sm" mt={4}>
                {hint}
              </Text>
            </div>
            {children}
          </Stack>
        </Box>
        <Center />
      </Stack>
    </main>
  );
}
