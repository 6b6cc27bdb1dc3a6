import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { whoQuery } from "../../api/queries";
import { t } from "../../messages";
import { principalWords } from "./principal";

export function Principal({ name }: { name: string }) {
  const { data } = useQuery(whoQuery);
  return (
    <span title={name} style={{ overflowWrap: "anywhere" }}>
      {principalWords(name, data?.user.id)}
    </span>
  );
}

/** Whose handle reported it, and on whose behalf if that is somebody else. */
export function Who({ source, actor }: { source: string; actor: string }) {
  const { data } = useQuery(whoQuery);
  const named = (principal: string) => principalWords(principal, data?.user.id);
  return (
    <Text size="xs" c="dimmed" component="span" display="block" title={`${source} · ${actor}`} style={{ overflowWrap: "anywhere" }}>
      {t.events.one.by_(named(source))}
      {actor !== source && ` ${t.events.one.for_(named(actor))}`}
    </Text>
  );
}
