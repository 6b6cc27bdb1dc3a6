import { Group, Text } from "@mantine/core";

import { t } from "../messages";

/** A sphere, its orbit, and one small warm satellite. The orbit passes behind the sphere at the top and before it at the bottom. */
export function Mark({ size = 34 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" fill="#0f766e" />
      <circle cx="16" cy="16" r="6.2" fill="#fff" />
      <ellipse cx="16" cy="16" rx="12" ry="4.8" transform="rotate(-32 16 16)" fill="none" stroke="#8ff0e1" strokeWidth="1.8" />
      <path d="M10.6 19.1a6.2 6.2 0 0 1 9.9-7.2" fill="#fff" />
      <circle cx="26" cy="9.4" r="2.7" fill="#ffb454" />
    </svg>
  );
}

export function Logo({ size = 34 }: { size?: number }) {
  return (
    <Group gap="sm" wrap="nowrap">
      <Mark size={size} />
      <Text component="span" fw={700} fz={size >= 40 ? "xl" : "lg"} lts="-0.02em">
        {t.app.name}
      </Text>
    </Group>
  );
}
