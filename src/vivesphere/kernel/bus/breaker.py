"""A circuit breaker for each listener and topic: what fails again and again, or goes round in a storm, is left alone a while.

A breaker opens after FAILURES failures in a row, or when one chain of causes has come round to the same listener and topic
ROUNDS times, at least LAP hops further than when it first came. The hop limit ends a loop that goes round once at a time; one
that multiplies would be millions of events by then. An open breaker lets nothing through; after its cool-down one event is
tried, and what becomes of that closes the breaker or opens it for twice as long.
"""

from collections.abc import Callable
from typing import Any

from vivesphere.kernel.bus.messages import Envelope

FAILURES = 20
ROUNDS = 100
LAP = 4
COOL_DOWN = 5.0
LONGEST_COOL_DOWN = 60.0
"""Seconds. After the longest one, an event of whose trial nothing was heard is waited for no more."""

CHAINS = 64
"""Chains that are watched at once for one listener and topic; the oldest makes room."""

TOPICS = 256
"""Topics of one listener that are watched at once: a publisher decides how many there are."""


class Breaker:
    """Closed while `open_until` is None. Times are the clock's monotonic seconds."""

    __slots__ = ("_chains", "_cool_down", "_failures", "_trial_at", "open_until")

    def __init__(self) -> None:
        self.open_until: float | None = None
        self._trial_at: float | None = None
        self._failures = 0
        self._cool_down = COOL_DOWN
        self._chains: dict[str, tuple[int, int]] = {}

    def lets_through(self, now: float) -> bool:
        """Whether an event may pass. The first one after the cool-down is the trial; others wait for what becomes of it."""
        if self.open_until is None:
            return True
        if now < self.open_until or (self._trial_at is not None and now < self._trial_at + LONGEST_COOL_DOWN):
            return False
        self._trial_at = now
        return True

    def failed(self, now: float) -> bool:
        """The listener raised. Whether that has opened a closed breaker."""
        self._failures += 1
        self.trial_failed(now)
        return self._failures >= FAILURES and self._open(now)

    def trial_failed(self, now: float) -> None:
        """If an event is being tried, it failed."""
        if self._trial_at is not None:
            self._trial_at = None
            self._cool_down = min(self._cool_down * 2, LONGEST_COOL_DOWN)
            self.open_until = now + self._cool_down

    def succeeded(self) -> None:
        """The listener returned. An open breaker closes if that was the trial."""
        self._failures = 0
        if self._trial_at is not None:
            self._trial_at = None
            self._cool_down = COOL_DOWN
            self.open_until = None

    def came_round(self, correlation_id: str, hop: int, now: float) -> bool:
        """An event that another event caused has come. Whether its chain is a storm that has opened a closed breaker."""
        first, rounds = self._chains.get(correlation_id, (hop, 0))
        if hop >= first + LAP:
            rounds += 1
            if rounds > ROUNDS:
                del self._chains[correlation_id]
                return self._open(now)
        elif correlation_id not in self._chains and len(self._chains) >= CHAINS:
            del self._chains[next(iter(self._chains))]
        self._chains[correlation_id] = (min(first, hop), rounds)
        return False

    def _open(self, now: float) -> bool:
        if self.open_until is not None:
            return False
        self.open_until = now + self._cool_down
        return True


Tripped = Callable[[str, Envelope[Any], str], None]
"""Hears the listener's name, the event at which its breaker opened, and why."""

STORM = "a chain of causes comes round to it in a storm"


class CutOff(Exception):
    """The listener's breaker for the event's topic is open."""


class Breakers:
    """A listener's breakers, by topic; none until something fails or comes round. `cut` counts what was not let through."""

    __slots__ = ("by_topic", "cut")

    def __init__(self) -> None:
        self.cut = 0
        self.by_topic: dict[str, Breaker] = {}

    def admit(self, topic: str, now: float) -> bool:
        """Whether an event of this topic may pass now; one that may not is counted."""
        breaker = self.by_topic.get(topic)
        if breaker is None or breaker.lets_through(now):
            return True
        self.cut += 1
        return False

    def turns_away(self, topic: str, now: float) -> bool:
        """Whether an event of this topic need not even be queued; it is counted then."""
        breaker = self.by_topic.get(topic)
        if breaker is None or breaker.open_until is None or now >= breaker.open_until:
            return False
        self.cut += 1
        return True

    def failed(self, topic: str, now: float) -> bool:
        """The listener raised. Whether that has opened a closed breaker."""
        return self._of(topic).failed(now)

    def trial_failed(self, topic: str, now: float) -> None:
        """The listener raised, which says nothing about a storm; a trial is over all the same."""
        breaker = self.by_topic.get(topic)
        if breaker is not None:
            breaker.trial_failed(now)

    def succeeded(self, topic: str) -> None:
        breaker = self.by_topic.get(topic)
        if breaker is not None:
            breaker.succeeded()

    def came_round(self, envelope: Envelope[Any], now: float) -> bool:
        cause = envelope.cause
        return self._of(envelope.topic).came_round(cause.correlation_id, cause.hop, now)

    def tripped(self) -> tuple[str, ...]:
        """The topics whose breaker is open."""
        return tuple(topic for topic, breaker in self.by_topic.items() if breaker.open_until is not None)

    def _of(self, topic: str) -> Breaker:
        breaker = self.by_topic.get(topic)
        if breaker is None:
            if len(self.by_topic) >= TOPICS:
                # One that is open goes last: other topics must not be a way to close it.
                oldest = next(iter(self.by_topic))
                del self.by_topic[next((known for known, each in self.by_topic.items() if each.open_until is None), oldest)]
            breaker = self.by_topic[topic] = Breaker()
        return breaker
