import { notifications } from "@mantine/notifications";

import { sentenceOf } from "../api/problems";
import { t } from "../messages";

const CLOSE = { "aria-label": t.lists.close };

export function notifyDone(message: string): void {
  notifications.show({ message, color: "vive", closeButtonProps: CLOSE });
}

export function notifyProblem(thrown: unknown): void {
  notifications.show({ title: t.problems.title, message: sentenceOf(thrown), color: "red", autoClose: 9_000, role: "alert", closeButtonProps: CLOSE });
}
