import { Badge } from "@mantine/core";

import { t } from "../../messages";

const COLOURS: Record<string, string> = { none: "gray", read: "blue", write: "amber" };

export function Effect({ effect }: { effect: string }) {
  return (
    <Badge color={COLOURS[effect] ?? "gray"} title={t.tools.effectHints[effect]} style={{ flex: "none" }}>
      {t.tools.effects[effect] ?? effect}
    </Badge>
  );
}
