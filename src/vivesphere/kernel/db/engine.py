"""What a database is to the handles: it runs units of work, and knows how it fares."""

from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from vivesphere.kernel.db.spread import Histogram
from vivesphere.kernel.db.work import Work
from vivesphere.kernel.services import Health


class DatabaseStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start, for `/metrics`. `units` written in `groups` commits; `refused` by the table ACL.

    `queued` units wait to be written or are on their way, and `waiting` callers for a place among them. `group_units` is how
    many units a commit carries, `commit_seconds` how long the disk takes for one.
    """

    groups: int
    units: int
    refused: int
    read_connections: int
    queued: int = 0
    waiting: int = 0
    group_units: Histogram | None = None
    commit_seconds: Histogram | None = None


class Engine(Protocol):
    """Lives on one loop, and works on threads of its own."""

    def read(self, work: Work) -> Awaitable[Any]:
        """Run the rule on one snapshot."""
        ...

    def write(self, work: Work) -> Awaitable[Any]:
        """Run the rule as a unit of work; its result when the commit is on disk."""
        ...

    async def access_changed(self) -> None:
        """Another policy is in force. When this returns the database enforces it."""
        ...

    async def bound_journal(self) -> None:
        """Give back what the database wrote ahead and needs no more, if it is much."""
        ...

    def statistics(self) -> DatabaseStatistics: ...

    def health(self) -> Health: ...

    async def close(self) -> None:
        """Refuse new work, finish what waits, and close."""
        ...
