"""Room for units that wait to be written: so many for each principal, so many for all, and the rest waits outside."""

import asyncio
from collections import Counter, OrderedDict

from vivesphere.kernel.principals import Principal

EACH = 1024
"""Units of one principal that may wait; its next caller waits for a place."""

ALL = 4096
"""Units that may wait at all."""


class Places:
    """Lives on the loop. A place that is given back goes to whoever waits and has the fewest, so that none who floods keeps a
    newcomer out."""

    def __init__(self, each: int = EACH, everyone: int = ALL) -> None:
        self.taken = 0
        self._each = each
        self._everyone = everyone
        self._taken_by: Counter[Principal] = Counter()
        # Each caller is a key, so that one who gives up leaves the line without a walk along it.
        self._lines: dict[Principal, OrderedDict[asyncio.Future[None], None]] = {}

    @property
    def waiting(self) -> int:
        """Callers that wait for a place."""
        return sum(len(line) for line in self._lines.values())

    async def take(self, principal: Principal) -> None:
        """Wait until there is room. Whoever is cancelled meanwhile has taken none."""
        if principal not in self._lines and self._has_room(principal):
            self._count(principal, 1)
            return
        line = self._lines.setdefault(principal, OrderedDict())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The place came in the same breath as the cancellation.
                self.give_back(principal)
            else:
                self._leave(principal, turn)
            raise

    def give_back(self, principal: Principal) -> None:
        self._count(principal, -1)
        while ready := [each for each in self._lines if self._has_room(each)]:
            fewest = min(ready, key=lambda each: self._taken_by[each])
            turn = next(iter(self._lines[fewest]))
            self._leave(fewest, turn)
            if not turn.cancelled():
                self._count(fewest, 1)
                turn.set_result(None)

    def _has_room(self, principal: Principal) -> bool:
        return self.taken < self._everyone and self._taken_by[principal] < self._each

    def _count(self, principal: Principal, change: int) -> None:
        self.taken += change
        self._taken_by[principal] += change
        if not self._taken_by[principal]:
            # People come and go; what remembers each of them would only grow.
            del self._taken_by[principal]

    def _leave(self, principal: Principal, turn: asyncio.Future[None]) -> None:
        """Out of the line, if it still stands there: one that was cancelled may have been passed over already."""
        line = self._lines.get(principal, OrderedDict())
        line.pop(turn, None)
        if not line:
            self._lines.pop(principal, None)
