import { Alert, Button, Stack, Text } from "@mantine/core";

import { t } from "../messages";
import { Icon } from "./Icon";

/** A problem's sentence where the content would be. */
export function ErrorNotice({ problem, onRetry }: { problem: string; onRetry?: () => void }) {
  return (
    <Alert color="red" variant="light" icon={<Icon name="alert" />} title={t.problems.title} role="alert">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{problem}</Text>
        {onRetry && (
          <Button size="compact-sm" color="red" variant="light" onClick={onRetry}>
            {t.problems.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
