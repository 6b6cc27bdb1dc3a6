import { Button, Group, Modal, Stack, Text } from "@mantine/core";

import { t } from "../messages";

interface Props {
  opened: boolean;
  question: string;
  hint: string;
  yes: string;
  busy: boolean;
  onYes: () => void;
  onClose: () => void;
}

/** Asked before what cannot be undone. The way back has the focus. */
export function Confirm({ opened, question, hint, yes, busy, onYes, onClose }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={question} closeButtonProps={{ "aria-label": t.lists.close }}>
      <Stack gap="lg">
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {hint}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {t.lists.cancel}
          </Button>
          <Button color="red" loading={busy} onClick={onYes}>
            {yes}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
