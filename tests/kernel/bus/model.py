"""What the bus owes to whom: a model simple enough to be believed, for `test_bus_model.py` to hold the bus against."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

POISON = 99
"""Tries that fail of an event which can never be handled."""


@dataclass(frozen=True)
class Said:
    """One event. A durable listener fails at its first `fails` tries, before it has written anything."""

    number: int
    key: int
    fails: int = 0


@dataclass
class Lane:
    """One queue of a live listener: what its handler holds in hand, what waits behind it, what it has heard."""

    capacity: int
    drop_oldest: bool
    in_hand: Said | None = None
    waiting: deque[Said] = field(default_factory=deque)
    heard: list[Said] = field(default_factory=list)
    dropped: int = 0

    def offer(self, said: Said) -> None:
        if len(self.waiting) >= self.capacity:
            self.dropped += 1
            if not self.drop_oldest:
                return
            self.waiting.popleft()
        self.waiting.append(said)

    def take(self, *, held: bool) -> None:
        """The loop has run: a handler that is not held has handled everything, one that is holds one event in hand."""
        if not held:
            self.heard += [*([self.in_hand] if self.in_hand else []), *self.waiting]
            self.in_hand = None
            self.waiting.clear()
        elif self.in_hand is None and self.waiting:
            self.in_hand = self.waiting.popleft()


class LiveListener:
    """A subscription: one lane, or several among which the key decides."""

    def __init__(self, pattern: str, capacity: int, lanes: int, *, drop_oldest: bool) -> None:
        self.pattern = pattern
        self.held = False
        self.lanes = [Lane(capacity // lanes, drop_oldest) for _ in range(lanes)]

    def lane(self, said: Said) -> Lane:
        return self.lanes[hash(said.key) % len(self.lanes)]

    def settle(self) -> None:
        for lane in self.lanes:
            lane.take(held=self.held)

    @property
    def heard(self) -> list[list[Said]]:
        return [lane.heard for lane in self.lanes]

    @property
    def dropped(self) -> int:
        return sum(lane.dropped for lane in self.lanes)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A durable listener by what it asks for. `once`: its effect is written in the commit that acknowledges."""

    name: str
    once: bool = True
    ordered: bool = False
    lanes: int = 1
    max_deliver: int = 10

    def buries(self, said: Said) -> bool:
        """Whether the event becomes a dead letter. An ordered listener would stand before it for ever, so none fails it."""
        return said.fails == POISON and not self.ordered

    def fails(self, said: Said, attempt: int) -> bool:
        return attempt <= said.fails and not (self.ordered and said.fails == POISON)


Start = Literal["now", "beginning"] | int
"""An int is a place in the log: the number of the event that is the first one."""


class Log:
    """Every durable event that was promised or found on disk, in the order of the log, and since when each listener is owed."""

    def __init__(self) -> None:
        self.recorded: list[Said] = []
        self.since: dict[str, int] = {}

    def open(self, name: str, start: Start) -> None:
        """A name that is known goes on where it was."""
        if name not in self.since:
            places = [said.number for said in self.recorded]
            self.since[name] = {"now": len(places), "beginning": 0}[start] if isinstance(start, str) else places.index(start)

    def owed(self, kind: Kind) -> list[Said]:
        return [said for said in self.recorded[self.since[kind.name] :] if not kind.buries(said)]

    def buried(self, kind: Kind) -> list[Said]:
        return [said for said in self.recorded[self.since[kind.name] :] if kind.buries(said)]


def check_effects(kind: Kind, log: Log, effects: list[Said]) -> None:
    """`effects` as they were written. Each owed event has one (or at least one), nothing else has any, order holds per key."""
    owed = log.owed(kind)
    if kind.once:
        assert Counter(effects) == Counter(owed), kind.name
    else:
        assert set(effects) == set(owed), kind.name
    place = {said: number for number, said in enumerate(log.recorded)}
    for key in {said.key for said in owed}:
        # A failed event comes after the next one, unless the listener asked for the order to be kept even so.
        order = [place[said] for said in effects if said.key == key and (kind.ordered or not said.fails)]
        assert order == sorted(order), (kind.name, key)
