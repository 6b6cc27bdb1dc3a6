"""How far a durable listener has come while several of its events are in hand at once: pure bookkeeping.

The *floor* is where the cursor may stand: every event up to it is settled, put aside, or none of the listener's. What is
settled ahead of the floor leaves a row on disk that says so, until the floor has passed it and the row is swept away.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from typing import NamedTuple


class Settlement(NamedTuple):
    """What the commit that settles an event writes beside it: the cursor moves to `floor`, and the event itself leaves a row
    `done` if it is beyond. `swept`: up to here nothing `done` is left; None if there is nothing to sweep."""

    listener: str
    seq: int
    floor: int
    swept: int | None = None


class InFlight:
    """`kept` is where the cursor stands on disk, or a little behind; `beyond` are the events ahead of it that have rows."""

    def __init__(self, kept: int, beyond: Iterable[int] = ()) -> None:
        self.kept = kept
        self.reached = kept
        self._held: set[int] = set()
        self._ahead: list[int] = []
        self._beyond = sorted(beyond)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def held(self) -> frozenset[int]:
        """The events in hand."""
        return frozenset(self._held)

    @property
    def floor(self) -> int:
        return min(self.reached, self._ahead[0] - 1) if self._ahead else self.reached

    @property
    def untidy(self) -> bool:
        """Whether rows are left that the floor has passed."""
        return bool(self._beyond) and self._beyond[0] <= self.floor

    def take(self, seq: int) -> None:
        """The event is in hand. One that the floor has passed, come again, holds nothing up."""
        self._held.add(seq)
        if seq > self.floor:
            insort(self._ahead, seq)

    def reach(self, seq: int) -> None:
        """Everything up to here has been looked at. The newest `seq` may be behind us if retention has emptied the log."""
        self.reached = max(self.reached, seq)

    def settlement(self, listener: str, seq: int) -> Settlement:
        """What to write if this event is settled now, whatever becomes of the others in hand."""
        others = next((other for other in self._ahead if other != seq), None)
        # What was put aside before a restart may come from beyond what has been looked at.
        floor = self.reached if others is None else min(self.reached, others - 1)
        return Settlement(listener, seq, floor, self.swept_for(floor))

    def swept_for(self, floor: int) -> int | None:
        """From where on a cursor that moves to `floor` leaves rows behind."""
        return self.kept if self._beyond and self._beyond[0] <= floor else None

    def settle(self, settlement: Settlement) -> None:
        """The settlement is on disk."""
        self.let_go(settlement.seq)
        self.moved_to(settlement.floor)

    def let_go(self, seq: int) -> None:
        """The event is no longer in hand, and whatever is to be known of it is on disk."""
        self._held.discard(seq)
        if seq in self._ahead:
            self._ahead.remove(seq)
        if seq > self.kept and seq not in self._beyond:
            insort(self._beyond, seq)

    def moved_to(self, floor: int) -> None:
        """The cursor on disk stands there at least, and nothing behind it is left to sweep."""
        if floor > self.kept:
            self.kept = floor
            del self._beyond[: bisect_right(self._beyond, floor)]


class Acknowledgement:
    """That a durable listener has handled the event with this `seq`: `done` once a commit has said so on disk."""

    __slots__ = ("_flight", "confirmed", "listener", "seq")

    def __init__(self, listener: str, seq: int, flight: InFlight) -> None:
        self.listener = listener
        self.seq = seq
        self.confirmed: Settlement | None = None
        self._flight = flight

    @property
    def done(self) -> bool:
        return self.confirmed is not None

    def settlement(self) -> Settlement:
        """What the commit has to write. Of this moment, so asked for on the loop just before the unit is queued."""
        return self._flight.settlement(self.listener, self.seq)

    def confirm(self, settlement: Settlement) -> None:
        """The commit with this settlement is on disk."""
        self.confirmed = settlement
