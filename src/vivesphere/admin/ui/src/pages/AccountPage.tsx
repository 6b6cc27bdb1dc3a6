import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { whoQuery } from "../api/queries";
import { t } from "../messages";
import { Page } from "../shell/Page";
import { ChangePassword } from "./account/ChangePassword";
import { SignIns } from "./account/SignIns";

/** What concerns nobody but the person who looks at it. */
export function AccountPage() {
  const { data } = useQuery(whoQuery);
  return (
    <Page title={t.account.title} hint={data ? t.account.hint(data.user.username) : undefined}>
      <Stack gap="xl">
        <SignIns />
        <ChangePassword username={data?.user.username ?? ""} />
      </Stack>
    </Page>
  );
}
