import { Stack, Text, ThemeIcon } from "@mantine/core";
import type { ReactNode } from "react";

import { Icon, type IconName } from "./Icon";

interface Props {
  icon: IconName;
  title: string;
  hint: string;
  /** Whether this is all there is on the page, so that its title is the page's heading. */
  alone?: boolean;
  children?: ReactNode;
}

/** What stands where nothing is yet: why it is empty, and what to do about it. */
export function EmptyState({ icon, title, hint, alone = false, children }: Props) {
  return (
    <Stack align="center" gap="xs" py={48} px="md" ta="center">
      <ThemeIcon variant="light" size={52} radius="xl" mb={6}>
        <Icon name={icon} size={26} />
      </ThemeIcon>
      <Text fw={650} component={alone ? "h1" : "p"} m={0}>
        {title}
      </Text>
      <Text c="dimmed" size="sm" maw={420} mb={children ? "xs" : 0}>
        {hint}
      </Text>
      {children}
    </Stack>
  );
}
