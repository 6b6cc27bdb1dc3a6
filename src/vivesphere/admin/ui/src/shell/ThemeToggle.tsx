import { Center, SegmentedControl, useMantineColorScheme, VisuallyHidden, type MantineColorScheme } from "@mantine/core";

import { t } from "../messages";
import { Icon, type IconName } from "../parts/Icon";

const SCHEMES: readonly { value: MantineColorScheme; icon: IconName; label: string }[] = [
  { value: "auto", icon: "system", label: t.shell.theme.auto },
  { value: "light", icon: "sun", label: t.shell.theme.light },
  { value: "dark", icon: "moon", label: t.shell.theme.dark },
];

export function ThemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      fullWidth
      size="xs"
      aria-label={t.shell.theme.label}
      value={colorScheme}
      onChange={(chosen) => setColorScheme(chosen as MantineColorScheme)}
      data={SCHEMES.map(({ value, icon, label }) => ({
        value,
        label: (
          <Center title={label} h={18}>
            <Icon name={icon} size={16} />
            <VisuallyHidden>{label}</VisuallyHidden>
          </Center>
        ),
      }))}
    />
  );
}
