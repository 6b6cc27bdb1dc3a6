import { Button, Stack, Text, Title } from "@mantine/core";
import { useRef, useState, type FormEvent } from "react";

import { answer, client } from "../../api/client";
import { sentenceOf } from "../../api/problems";
import { signInsQuery, useAct } from "../../api/queries";
import { t } from "../../messages";
import { ErrorNotice } from "../../parts/ErrorNotice";
import { PasswordField, SHORTEST_PASSWORD } from "../../parts/PasswordFields";

interface Change {
  current_password: string;
  new_password: string;
}

export function ChangePassword({ username }: { username: string }) {
  const form = useRef<HTMLFormElement>(null);
  const [wrong, setWrong] = useState<{ short?: boolean; mismatch?: boolean }>({});
  const change = useAct({
    act: (body: Change) => answer(client.POST("/api/v1/auth/password", { body })),
    touches: [signInsQuery.queryKey],
    said: () => t.account.changed,
    then: () => form.current?.reset(),
  });

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const fresh = String(fields.get("fresh"));
    const found = { short: fresh.length < SHORTEST_PASSWORD, mismatch: fresh !== String(fields.get("again")) };
    setWrong(found);
    if (!found.short && !found.mismatch) change.mutate({ current_password: String(fields.get("present")), new_password: fresh });
  };

  return (
    <Stack component="section" className="surface" p="lg" gap="md" aria-label={t.account.password}>
      <div>
        <Title order={2}>{t.account.password}</Title>
        <Text size="sm" c="dimmed" mt={2}>
          {t.account.passwordHint}
        </Text>
      </div>
      {change.isError && <ErrorNotice problem={sentenceOf(change.error)} />}
      <form onSubmit={submit} ref={form}>
        {/* For password keepers, which else would not know whose password it is. */}
        <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
        <Stack gap="md" maw={420}>
          <PasswordField name="present" label={t.account.present} />
          <PasswordField name="fresh" label={t.account.fresh} fresh error={wrong.short ? t.setup.short : null} />
          <PasswordField name="again" label={t.setup.again} fresh error={wrong.mismatch ? t.setup.mismatch : null} />
          <Text size="xs" c="dimmed">
            {t.setup.rule}
          </Text>
          <Button type="submit" loading={change.isPending} style={{ alignSelf: "flex-start" }}>
            {t.account.change}
          </Button>
        </Stack>
      </form>
    </Stack>
  );
}
