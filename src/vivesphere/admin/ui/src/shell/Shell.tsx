import { AppShell, Avatar, Burger, Button, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Link, useLocation } from "@tanstack/react-router";
import { useEffect, type ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";

import { client, session } from "../api/client";
import { whoQuery } from "../api/queries";
import { t } from "../messages";
import { Icon, type IconName } from "../parts/Icon";
import { Logo } from "./Logo";
import { ThemeToggle } from "./ThemeToggle";

const PLACES: readonly { to: string; label: string; icon: IconName }[] = [
  { to: "/", label: t.shell.dashboard, icon: "dashboard" },
  { to: "/chat", label: t.shell.chat, icon: "chat" },
  { to: "/tools", label: t.shell.tools, icon: "tools" },
  { to: "/plugins", label: t.shell.plugins, icon: "plugins" },
  { to: "/plans", label: t.shell.plans, icon: "plans" },
  { to: "/triggers", label: t.shell.triggers, icon: "triggers" },
  { to: "/events", label: t.shell.events, icon: "pulse" },
  { to: "/data", label: t.shell.data, icon: "data" },
];

function signOut(): void {
  const refreshToken = session.refreshToken;
  // Signing out here must not wait for the server; if it cannot be told, the token expires by itself.
  if (refreshToken) {
    void client.POST("/api/v1/auth/logout", { body: { refresh_token: refreshToken } }).catch(() => undefined);
  }
  session.signOut();
}

function Who() {
  const { data } = useQuery(whoQuery);
  return (
    <Group justify="space-between" wrap="nowrap" gap="xs">
      <Group gap="sm" wrap="nowrap" miw={0}>
        <Avatar name={data?.user.username ?? ""} color="vive" radius="xl" size={34} aria-hidden />
        <Stack gap={0} miw={0}>
          <Text size="sm" fw={600} truncate>
            {data?.user.username ?? "…"}
          </Text>
          <Text size="xs" c="dimmed">
            {data ? t.shell.role(data.user.role) : ""}
          </Text>
        </Stack>
      </Group>
      <Button variant="subtle" color="gray" size="compact-md" onClick={signOut} aria-label={t.shell.signOut} title={t.shell.signOut}>
        <Icon name="signOut" />
      </Button>
    </Group>
  );
}

function Places() {
  return (
    <Stack gap={4}>
      {PLACES.map(({ to, label, icon }) => (
        <Link key={to} to={to} className="nav-link" activeOptions={{ exact: to === "/", includeSearch: false }}>
          <Icon name={icon} size={20} />
          {label}
        </Link>
      ))}
    </Stack>
  );
}

export function Shell({ children }: { children: ReactNode }) {
  const [opened, menu] = useDisclosure(false);
  const { pathname } = useLocation();
  useEffect(menu.close, [pathname]);

  return (
    <AppShell
      header={{ height: { base: 58, sm: 0 } }}
      navbar={{ width: 248, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding={{ base: "md", sm: "xl" }}
    >
      <a className="skip" href="#content">
        {t.shell.skip}
      </a>
      <AppShell.Header hiddenFrom="sm" px="md" bg="var(--vive-surface)">
        <Group h="100%" justify="space-between">
          <Logo size={30} />
          <Burger opened={opened} onClick={menu.toggle} size="sm" aria-label={opened ? t.shell.closeMenu : t.shell.openMenu} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md" bg="var(--vive-surface)" aria-label={t.shell.navigation}>
        <Stack h="100%" justify="space-between" gap="xl">
          <Stack gap="xl">
            <Group px={6} pt={6} visibleFrom="sm">
              <Logo />
            </Group>
            <Places />
          </Stack>
          <Stack gap="md">
            <ThemeToggle />
            <Who />
          </Stack>
        </Stack>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        {children}
      </AppShell.Main>
    </AppShell>
  );
}
