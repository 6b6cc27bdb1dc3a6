import { notifications } from "@mantine/notifications";

import { sentenceOf } from "../api/problems";
import { t } from "../messages";

export function notifyDone(message: string): void {
  notifications.show({ message, color: "vive" });
}

export function notifyProblem(thrown: unknown): void {
  notifications.show({ title: t.problems.title, message: sentenceOf(thrown), color: "red", autoClose: 9_000, role: "alert" });
}
