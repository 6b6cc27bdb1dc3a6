"""Tells of refused table access, seldom enough that whoever is refused cannot fill the event log with it."""

from collections.abc import Callable, Hashable

import msgspec

from vivesphere.kernel.bus.reports import EVERY, Throttle
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.principals import Principal

TABLES = 5
"""So many tables a second are told of one by one for each principal, its others together: it may make names up."""


class AccessReports:
    """Passes a refusal on at most once in EVERY seconds for each (principal, table), with how many there were since."""

    def __init__(self, clock: Clock, report: Callable[[TableAccessDenied, Cause], object]) -> None:
        self._clock = clock
        self._report = report
        self._throttle = Throttle(clock)
        self._tables: dict[Principal, tuple[float, set[str]]] = {}

    def __call__(self, denied: TableAccessDenied, cause: Cause) -> None:
        refused = self._throttle.due(self._subject(Principal(denied.principal), denied.table))
        if refused is not None:
            self._report(msgspec.structs.replace(denied, refused=refused), cause)

    def _subject(self, principal: Principal, table: str) -> Hashable:
        now = self._clock.monotonic()
        since, tables = self._tables.get(principal, (float("-inf"), set[str]()))
        if now - since >= EVERY:
            since, tables = self._tables[principal] = (now, set[str]())
        if table not in tables and len(tables) >= TABLES:
            return principal
        tables.add(table)
        return principal, table
