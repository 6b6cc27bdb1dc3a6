import { Box, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useEffect, type ReactNode } from "react";

import { t } from "../messages";
import { Icon } from "../parts/Icon";

interface Props {
  title: string;
  /** Which part of the page is shown, for the document's title. */
  part?: string;
  hint?: ReactNode;
  back?: { to: string; label: string };
  actions?: ReactNode;
  children: ReactNode;
}

/** A page's frame: its one h1, what it is for, its actions; the document's title follows. */
export function Page({ title, part, hint, back, actions, children }: Props) {
  useEffect(() => {
    document.title = [part, title, t.app.name].filter(Boolean).join(" · ");
  }, [title, part]);
  return (
    <Stack gap="xl" maw={1240} mx="auto">
      <Stack gap={6}>
        {back && (
          <Text component={Link} to={back.to} size="sm" c="dimmed" className="plain-link">
            <Group gap={6} component="span">
              <Icon name="back" size={15} />
              {back.label}
            </Group>
          </Text>
        )}
        <Group justify="space-between" align="flex-start" gap="md">
          <Box miw={0}>
            <Title order={1} lts="-0.02em" style={{ overflowWrap: "anywhere" }}>
              {title}
            </Title>
            {hint && (
              <Text c="dimmed" mt={2}>
                {hint}
              </Text>
            )}
          </Box>
          {actions && <Group gap="sm">{actions}</Group>}
        </Group>
      </Stack>
      {children}
    </Stack>
  );
}
