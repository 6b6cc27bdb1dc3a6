import { Alert, Button, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Navigate } from "@tanstack/react-router";
import { useEffect, type FormEvent } from "react";

import { answer, openClient, session } from "../api/client";
import { sentenceOf } from "../api/problems";
import { statusQuery } from "../api/queries";
import { t } from "../messages";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { PasswordField, UsernameField } from "../parts/PasswordFields";
import { useSessionState } from "../session/useSession";
import { Welcome } from "../shell/Welcome";

const route = getRouteApi("/login");

/** Where to go after the login: a path of this page, never another site. */
function within(to: string | undefined): string {
  return to?.startsWith("/") && !to.startsWith("//") ? to : "/";
}

export function LoginPage() {
  const { to } = route.useSearch();
  const state = useSessionState();
  const status = useQuery(statusQuery);
  const login = useMutation({
    mutationFn: (body: { username: string; password: string }) => answer(openClient.POST("/api/v1/auth/browser/login", { body })),
    onSuccess: () => session.signIn(),
  });
  useEffect(() => {
    // Unreachable is no reason to forget the session: the form stands there meanwhile.
    session.restore().catch(() => undefined);
  }, []);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    login.mutate({ username: String(fields.get("username")).trim(), password: String(fields.get("password")) });
  };

  if (state === "signed-in") return <Navigate to={within(to)} replace />;
  return (
    <Welcome title={t.login.title} hint={t.login.hint}>
      {status.data?.setup_required && (
        <Alert color="amber" icon={<Icon name="bolt" />} role="status">
          {t.login.setupNeeded}
        </Alert>
      )}
      {login.isError && <ErrorNotice problem={sentenceOf(login.error)} />}
      <form onSubmit={submit}>
        <Stack gap="md">
          <UsernameField autoFocus />
          <PasswordField name="password" label={t.login.password} />
          <Button type="submit" size="md" fullWidth mt="xs" loading={login.isPending}>
            {t.login.submit}
          </Button>
        </Stack>
      </form>
      <Text size="xs" c="dimmed" ta="center">
        {t.login.forgotten}
      </Text>
    </Welcome>
  );
}
