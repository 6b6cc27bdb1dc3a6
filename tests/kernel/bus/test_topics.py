"""Topics and patterns follow the rules of NATS subjects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.routes import CACHED_TOPICS, Routes
from vivesphere.kernel.bus.topics import matches, split_pattern, split_topic

WORDS = st.sampled_from(["a", "b", "c-d", "e_1"])
TOPICS = st.lists(WORDS, min_size=1, max_size=5).map(".".join)
PATTERNS = st.tuples(st.lists(WORDS | st.just("*"), min_size=1, max_size=4), st.booleans()).map(
    lambda made: ".".join([*made[0], ">"] if made[1] else made[0])
)


def by_the_book(pattern: list[str], topic: list[str]) -> bool:
    """The rule as one would explain it, token by token."""
    if not pattern:
        return not topic
    if pattern == [">"]:
        return len(topic) >= 1
    return bool(topic) and pattern[0] in ("*", topic[0]) and by_the_book(pattern[1:], topic[1:])


@given(PATTERNS, TOPICS)
def test_a_pattern_matches_as_the_naive_rule_says(pattern: str, topic: str) -> None:
    assert matches(pattern, topic) == by_the_book(pattern.split("."), topic.split("."))


class Listener:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern


@given(st.lists(PATTERNS | TOPICS, max_size=12), st.lists(TOPICS, min_size=1, max_size=6), st.data())
def test_routes_find_exactly_the_matching_subscriptions(patterns: list[str], topics: list[str], data: st.DataObject) -> None:
    routes = Routes()
    present = [Listener(pattern) for pattern in patterns]
    for listener in present:
        routes.add(listener.pattern, listener)  # type: ignore[arg-type]  # routes only carry what they are given
    for _ in range(2):
        for topic in topics:
            found = routes.match(topic)
            assert sorted(map(id, found)) == sorted(id(each) for each in present if matches(each.pattern, topic))
        if present:
            gone = present.pop(data.draw(st.integers(0, len(present) - 1)))
            routes.remove(gone.pattern, gone)  # type: ignore[arg-type]  # as above


def test_routes_that_lost_everyone_keep_no_branches() -> None:
    routes = Routes()
    listeners = [Listener(pattern) for pattern in ("a.b.c", "a.*", "a.>")]
    for listener in listeners:
        routes.add(listener.pattern, listener)  # type: ignore[arg-type]  # as above
    for listener in listeners:
        routes.remove(listener.pattern, listener)  # type: ignore[arg-type]  # as above
    assert not routes._root.children


def test_the_match_cache_is_capped() -> None:
    routes = Routes()
    for number in range(CACHED_TOPICS + 10):
        routes.match(f"a.n{number}")
    assert len(routes._cache) == CACHED_TOPICS


@pytest.mark.parametrize("topic", ["", ".", "a..b", "A.b", "a b", "a.*", "a.>", "é", "x" * 256, ".".join("a" * 17)])
def test_a_bad_topic_is_refused(topic: str) -> None:
    with pytest.raises(TopicInvalid):
        split_topic(topic)


@pytest.mark.parametrize("pattern", ["", ">.a", "a.>.b", "a*", "*a.b", "a.b>", "A"])
def test_a_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(TopicInvalid):
        split_pattern(pattern)


def test_the_longest_topic_is_accepted() -> None:
    assert len(split_topic(".".join(["a"] * 16))) == 16
    assert split_topic("x" * 255) == ("x" * 255,)
