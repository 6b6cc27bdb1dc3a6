import { Button, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Navigate, useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";

import { answer, openClient, session } from "../api/client";
import { sentenceOf } from "../api/problems";
import { statusQuery } from "../api/queries";
import { t } from "../messages";
import { ButtonLink } from "../parts/ButtonLink";
import { ErrorNotice } from "../parts/ErrorNotice";
import { PasswordField, SHORTEST_PASSWORD, UsernameField } from "../parts/PasswordFields";
import { useSessionState } from "../session/useSession";
import { Welcome } from "../shell/Welcome";

const route = getRouteApi("/setup");

interface Wish {
  token: string;
  username: string;
  password: string;
}

export function SetupPage() {
  const { token } = route.useSearch();
  const state = useSessionState();
  const navigate = useNavigate();
  const status = useQuery(statusQuery);
  const [wrong, setWrong] = useState<{ short?: boolean; mismatch?: boolean }>({});
  const setup = useMutation({
    mutationFn: (body: Wish) => answer(openClient.POST("/api/v1/auth/browser/setup", { body })),
    onSuccess: () => {
      session.signIn();
      // The link is used up: it must not stay in the browser's history.
      void navigate({ to: "/", replace: true });
    },
  });

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const password = String(fields.get("password"));
    const found = { short: password.length < SHORTEST_PASSWORD, mismatch: password !== String(fields.get("again")) };
    setWrong(found);
    if (found.short || found.mismatch || !token) return;
    setup.mutate({ token, username: String(fields.get("username")).trim(), password });
  };

  if (state === "signed-in") return <Navigate to="/" replace />;
  if (status.data && !status.data.setup_required && !setup.isPending) {
    return (
      <Welcome title={t.setup.title} hint={t.setup.done}>
        <ButtonLink to="/login">
          {t.setup.toLogin}
        </ButtonLink>
      </Welcome>
    );
  }
  return (
    <Welcome title={t.setup.title} hint={t.setup.hint}>
      {!token && <ErrorNotice problem={t.setup.noToken} />}
      {setup.isError && <ErrorNotice problem={sentenceOf(setup.error)} />}
      <form onSubmit={submit}>
        <Stack gap="md">
          <UsernameField autoFocus />
          <PasswordField name="password" label={t.login.password} fresh error={wrong.short ? t.setup.short : null} />
          <PasswordField name="again" label={t.setup.again} fresh error={wrong.mismatch ? t.setup.mismatch : null} />
          <Text size="xs" c="dimmed">
            {t.setup.rule}
          </Text>
          <Button type="submit" size="md" fullWidth loading={setup.isPending} disabled={!token}>
            {t.setup.submit}
          </Button>
        </Stack>
      </form>
    </Welcome>
  );
}
