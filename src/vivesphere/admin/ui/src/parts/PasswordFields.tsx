import { PasswordInput, TextInput } from "@mantine/core";

import { t } from "../messages";

export const SHORTEST_PASSWORD = 8;

/** User name and password with the names that password keepers look for. */
export function UsernameField({ autoFocus = false }: { autoFocus?: boolean }) {
  return <TextInput name="username" label={t.login.username} autoComplete="username" required withAsterisk={false} autoFocus={autoFocus} />;
}

export function PasswordField(props: { name: string; label: string; description?: string; error?: string | null; fresh?: boolean }) {
  const { fresh = false, ...rest } = props;
  return <PasswordInput {...rest} autoComplete={fresh ? "new-password" : "current-password"} required withAsterisk={false} />;
}
