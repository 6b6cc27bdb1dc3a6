"""How far the event log can be read without missing an event that comes late.

A `seq` is given when an event is written and seen when it is committed: 10 may be there while 9 is still under way, and a
cursor that moved to 10 would never see 9. Every event of this database is written by this process (`server_lock.py`), so it
knows what is under way: whoever begins to write has nothing at or below the newest `seq` of that moment. See ADR 0009.
"""

import threading
from collections.abc import Sequence


class Horizon:
    """Asked and told by all database threads. `newest` is the last `seq` there was when nothing was under way."""

    def __init__(self, newest: int = 0) -> None:
        self._lock = threading.Lock()
        self._newest = newest
        self._under_way: dict[int, int] = {}
        self._doubtful: list[int] = []
        self._tickets = 0

    def begin(self) -> int:
        """Somebody is about to write events. The ticket is to be given back when its transaction has ended."""
        with self._lock:
            self._tickets += 1
            self._under_way[self._tickets] = self._newest
            return self._tickets

    def given(self, seq: int) -> None:
        """This `seq` was given to an event."""
        with self._lock:
            self._newest = max(self._newest, seq)

    def end(self, ticket: int, *, doubtful: bool = False) -> None:
        """`doubtful`: it may still be committed, since nobody heard what became of it."""
        with self._lock:
            if doubtful:
                self._doubtful.append(ticket)
            else:
                self._under_way.pop(ticket, None)

    @property
    def doubtful(self) -> Sequence[int]:
        """Those of which nobody knows, until `settled`."""
        with self._lock:
            return tuple(self._doubtful)

    def settled(self, tickets: Sequence[int]) -> None:
        """Somebody waited until nothing of these was under way any more."""
        with self._lock:
            self._doubtful = [ticket for ticket in self._doubtful if ticket not in tickets]
            for ticket in tickets:
                self._under_way.pop(ticket, None)

    def reach(self) -> int:
        """Who begins to read now sees every event up to here that will ever be there."""
        with self._lock:
            return min(self._under_way.values(), default=self._newest)
