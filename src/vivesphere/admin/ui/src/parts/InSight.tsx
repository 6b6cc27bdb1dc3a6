import { useEffect, useRef, type ReactNode } from "react";

/** What appears in a form that scrolls is brought into sight. */
export function InSight({ children }: { children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Braces: what it returns is a promise in some browsers, which React would take for the undoing of the effect.
    place.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return <div ref={place}>{children}</div>;
}
