import { Badge } from "@mantine/core";

import { t } from "../../messages";

const { tables: words } = t.data;
const COLOURS: Record<string, string> = { user: "vive", protected: "blue", locked: "gray" };

/** How far a table is open, in a word; never by colour alone. */
export function LevelBadge({ level }: { level: string }) {
  return (
    <Badge color={COLOURS[level] ?? "gray"} title={words.levelHints[level]} style={{ flex: "none" }}>
      {words.levels[level] ?? level}
    </Badge>
  );
}
