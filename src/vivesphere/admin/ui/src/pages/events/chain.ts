import type { ChainEvent } from "../../api/types";
import { microsOf } from "../../parts/duration";

/** An event with what it caused. `afterMs` is how long after its cause it came; null for one whose cause is not in the chain. */
export interface ChainNode {
  event: ChainEvent;
  afterMs: number | null;
  children: ChainNode[];
}

/**
 * The chain as trees by `causation_id`, each level in the order of time. An event whose cause is not there (a request, or one
 * that retention took) is a root; so is one of a circle, which no chain should have, so that no event is ever left out.
 */
export function treesOf(events: readonly ChainEvent[]): ChainNode[] {
  const inOrder = [...events].sort((a, b) => microsOf(a.at) - microsOf(b.at) || (a.seq ?? 0) - (b.seq ?? 0));
  const nodes = new Map<string, ChainNode>(inOrder.map((event) => [event.id, { event, afterMs: null, children: [] }]));
  const roots: ChainNode[] = [];
  for (const node of nodes.values()) {
    const cause = nodes.get(node.event.causation_id ?? "");
    if (cause === undefined || reaches(node, cause)) {
      roots.push(node);
      continue;
    }
    cause.children.push(node);
    node.afterMs = Math.max(0, (microsOf(node.event.at) - microsOf(cause.event.at)) / 1000);
  }
  return roots;
}

/** Whether `wanted` already stands below `node` (or is it): hung under it, the node would close a circle. */
function reaches(node: ChainNode, wanted: ChainNode): boolean {
  return node === wanted || node.children.some((child) => reaches(child, wanted));
}
