/** Any JSON, readable. A string that is the whole value is shown as itself. */
export function JsonBlock({ value, label }: { value: unknown; label: string }) {
  const shown = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    // Focusable, so that the keyboard can scroll it.
    <pre className="json" tabIndex={0} aria-label={label} role="group">
      {shown}
    </pre>
  );
}
