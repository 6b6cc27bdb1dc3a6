"""The graph of steps."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from vivesphere.modules.plans.engine.graph import before, cycle

NAMES = "abcdefg"

graphs = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4)).map(
    lambda found: {name: tuple(each for each in after if each in found) for name, after in found.items()}
)


def removable(graph: dict[str, tuple[str, ...]]) -> bool:
    """Whether the graph has no cycle, found the other way: by taking out steps that wait for nothing."""
    left = dict(graph)
    while free := [name for name, after in left.items() if not any(each in left for each in after)]:
        for name in free:
            del left[name]
    return not left


@given(graphs)
def test_a_cycle_is_found_exactly_if_there_is_one(graph: dict[str, tuple[str, ...]]) -> None:
    found = cycle(graph)
    assert (found is None) == removable(graph)
    if found is not None:
        assert found[0] == found[-1]
        assert all(earlier in graph[later] for earlier, later in itertools.pairwise(found))


@given(graphs.filter(removable))
def test_before_is_everything_one_waits_for(graph: dict[str, tuple[str, ...]]) -> None:
    for step, after in graph.items():
        assert before(step, graph) == {*after, *(each for name in after for each in before(name, graph))}


def test_a_deep_graph_needs_no_deep_stack() -> None:
    steps = [f"s{number}" for number in range(5000)]
    chain = {step: (previous,) for step, previous in zip(steps, [steps[-1], *steps], strict=False)}
    found = cycle(chain)
    assert found is not None
    assert len(found) == 5001
    assert len(before("s0", chain)) == 5000
