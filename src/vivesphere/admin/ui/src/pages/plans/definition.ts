/** A step as a plan's definition has it; what else it holds depends on its kind. */
export interface StepDefinition {
  id: string;
  kind: string;
  [more: string]: unknown;
}

export function stepsOf(definition: unknown): StepDefinition[] {
  const { steps } = (definition ?? {}) as { steps?: unknown };
  return Array.isArray(steps) ? (steps as StepDefinition[]) : [];
}

/** What a step does, in a few words: its tool, its text, or how long it waits. */
export function gistOf(step: StepDefinition): string {
  const { id: _id, kind: _kind, after: _after, ...rest } = step;
  if (typeof rest.tool === "string") return rest.tool;
  if (typeof rest.text === "string") return rest.text;
  return Object.entries(rest)
    .map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}
