import { t } from "../../messages";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})/g;

/** A principal for a person: of an id the random part is enough to tell two apart. `me` is the id of who reads it. */
export function principalWords(principal: string, me?: string): string {
  return principal === `user:${me}` ? t.events.one.you : principal.replace(UUID, "…$1");
}
