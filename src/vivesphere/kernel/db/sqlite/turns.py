"""Whose units are written next: an equal share for everyone of ours, and a turn of their own for guests."""

from collections import deque

from vivesphere.kernel.db.connection import is_guest
from vivesphere.kernel.db.work import Work
from vivesphere.kernel.principals import Principal

GROUP = 256
"""Units in one commit at most, unless more principals than that wait at once: each has one."""


class Turns:
    """The units that wait. Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._waiting: dict[Principal, deque[Work]] = {}
        self._guests_turn = False
        self._stopped_at = ""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, work: Work) -> None:
        self._waiting.setdefault(work.principal, deque()).append(work)

    def next_group(self) -> list[Work]:
        """The units of the next commit: of ours ordered by principal, or, in turn with that, one unit of one guest. Empty if
        none wait."""
        guests = [principal for principal in self._waiting if is_guest(principal)]
        ours = [principal for principal in self._waiting if not is_guest(principal)]
        if guests and (self._guests_turn or not ours):
            self._guests_turn = False
            return self._guest(guests[0])
        self._guests_turn = True
        return self._group(ours)

    def put_back(self, group: list[Work], done: int) -> None:
        """Take what comes after the first `done` units out of the group, for the next one: that begins with whoever comes after
        the last that was served, so that no one's slow units keep the others' waiting twice."""
        self._stopped_at = group[done - 1].principal
        for work in reversed(group[done:]):
            self._waiting.setdefault(work.principal, deque()).appendleft(work)
        del group[done:]

    def _guest(self, guest: Principal) -> list[Work]:
        group = self._take(guest, 1)
        if guest in self._waiting:
            # To the end of the line, behind the other guests.
            self._waiting[guest] = self._waiting.pop(guest)
        return group

    def _group(self, ours: list[Principal]) -> list[Work]:
        room = GROUP
        shares: dict[Principal, int] = {}
        # The shortest queue first: what it leaves of its share is for those that need more.
        for served, principal in enumerate(sorted(ours, key=lambda each: len(self._waiting[each]))):
            shares[principal] = min(max(1, room // (len(ours) - served)), len(self._waiting[principal]))
            room -= shares[principal]
        stopped_at, self._stopped_at = self._stopped_at, ""
        order = sorted(ours, key=lambda each: (each <= stopped_at, each))
        return [work for principal in order for work in self._take(principal, shares[principal])]

    def _take(self, principal: Principal, count: int) -> list[Work]:
        queue = self._waiting[principal]
        taken = [queue.popleft() for _ in range(count)]
        if not queue:
            del self._waiting[principal]
        return taken
