"""Who hears a topic: a trie of patterns, and a capped cache of the answers."""

from collections.abc import Callable
from typing import Any, Protocol

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.bus.topics import split_pattern, split_topic
from vivesphere.kernel.capped import make_room

CACHED_TOPICS = 4096


class Subscriber(Protocol):
    """Whoever events are routed to. `offer` never waits."""

    @property
    def offer(self) -> Callable[[Envelope[Any]], None]: ...


class _Node:
    __slots__ = ("children", "here", "rest")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.here: list[Subscriber] = []
        self.rest: list[Subscriber] = []


class Routes:
    """Patterns and their subscriptions. Any change empties the cache, so a stale answer cannot be given."""

    def __init__(self) -> None:
        self._root = _Node()
        self._cache: dict[str, tuple[Subscriber, ...]] = {}

    def add(self, pattern: str, subscription: Subscriber) -> None:
        """Subscribers of one topic are called in the order in which their patterns lie in the trie."""
        self._leaf(pattern).append(subscription)
        self._cache.clear()

    def remove(self, pattern: str, subscription: Subscriber) -> None:
        """Take a subscription out; branches that carry nobody any more go with it."""
        self._prune(self._root, split_pattern(pattern), subscription)
        self._cache.clear()

    def match(self, topic: str) -> tuple[Subscriber, ...]:
        """Every subscription whose pattern names the topic."""
        known = self._cache.get(topic)
        return known if known is not None else self._find(topic)

    def _find(self, topic: str) -> tuple[Subscriber, ...]:
        found: list[Subscriber] = []
        nodes = [self._root]
        for token in split_topic(topic):
            found.extend(subscription for node in nodes for subscription in node.rest)
            nodes = [child for node in nodes for key in (token, "*") if (child := node.children.get(key))]
        found.extend(subscription for node in nodes for subscription in node.here)
        # A publisher decides how many topics there are.
        make_room(self._cache, CACHED_TOPICS)
        answer = self._cache[topic] = tuple(found)
        return answer

    def _leaf(self, pattern: str) -> list[Subscriber]:
        node = self._root
        for token in split_pattern(pattern):
            if token == ">":
                return node.rest
            node = node.children.setdefault(token, _Node())
        return node.here

    def _prune(self, node: _Node, tokens: tuple[str, ...], subscription: Subscriber) -> None:
        if not tokens:
            node.here.remove(subscription)
        elif tokens[0] == ">":
            node.rest.remove(subscription)
        else:
            child = node.children[tokens[0]]
            self._prune(child, tokens[1:], subscription)
            if not (child.children or child.here or child.rest):
                del node.children[tokens[0]]
