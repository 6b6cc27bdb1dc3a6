import { Stack, Text, ThemeIcon } from "@mantine/core";
import type { ReactNode } from "react";

import { Icon, type IconName } from "./Icon";

interface Props {
  icon: IconName;
  title: string;
  hint: string;
  children?: ReactNode;
}

/** What stands where nothing is yet: why it is empty, and what to do about it. */
export function EmptyState({ icon, title, hint, children }: Props) {
  return (
    <Stack align="center" gap="xs" py={48} px="md" ta="center">
      <ThemeIcon variant="light" size={52} radius="xl" mb={6}>
        <Icon name={icon} size={26} />
      </ThemeIcon>
      <Text fw={650}>{title}</Text>
      <Text c="dimmed" size="sm" maw={420} mb={children ? "xs" : 0}>
        {hint}
      </Text>
      {children}
    </Stack>
  );
}
