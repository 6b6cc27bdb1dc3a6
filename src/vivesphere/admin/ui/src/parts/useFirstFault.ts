import { useEffect, useRef, type RefObject } from "react";

/** Leads the eye and the keyboard to the first field that is wrong: in a long form it may be out of sight. */
export function useFirstFault(faults: Readonly<Record<string, string>>): RefObject<HTMLFormElement | null> {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (Object.keys(faults).length > 0) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [faults]);
  return form;
}
