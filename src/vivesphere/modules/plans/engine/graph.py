"""The graph of a plan's steps: which come before which, and whether it bites its own tail."""

from collections.abc import Mapping, Sequence

Graph = Mapping[str, Sequence[str]]
"""Each step with the steps it comes after. Every name in a sequence is also a key."""


def cycle(graph: Graph) -> tuple[str, ...] | None:
    """A cycle in the order of execution, first step repeated at the end (`a, b, a`); None if there is none."""
    finished: set[str] = set()
    for start in graph:
        if start not in finished and (found := _cycle_from(start, graph, finished)):
            return found
    return None


def before(step: str, graph: Graph) -> frozenset[str]:
    """Every step that is certainly over when `step` begins."""
    found: set[str] = set()
    open_ends = list(graph[step])
    while open_ends:
        if (name := open_ends.pop()) not in found:
            found.add(name)
            open_ends.extend(graph[name])
    return frozenset(found)


def _cycle_from(start: str, graph: Graph, finished: set[str]) -> tuple[str, ...] | None:
    """Depth first without recursion, since an author decides how deep the graph is. `path` runs against the execution."""
    path = {start: iter(graph[start])}
    while path:
        step = next(reversed(path))
        following = next(path[step], None)
        if following is None:
            path.popitem()
            finished.add(step)
        elif following in path:
            walked = list(path)
            loop = walked[walked.index(following) :]
            return (following, *reversed(loop[1:]), following)
        elif following not in finished:
            path[following] = iter(graph[following])
    return None
