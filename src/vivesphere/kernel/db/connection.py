"""What a unit of work and its epilogue need of a connection, whichever database it leads to.

SQLAlchemy executes on it, but begins and ends nothing: the engine does.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from vivesphere.kernel import principals
from vivesphere.kernel.bus.in_flight import Settlement
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.event_rows import LogRow
from vivesphere.kernel.principals import Principal

GUESTS = frozenset({"plugin", "user", "apikey"})
"""Kinds of principals who write statements themselves: plugins, and people with their keys."""


class Connection(Protocol):
    """Lent to one unit at a time. What it refuses it refuses in the name of `principal`."""

    @property
    def core(self) -> sa.Connection: ...

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what the driver raises, and so of what the methods below do."""
        ...

    @property
    def principal(self) -> Principal:
        """Whom it serves now."""
        ...

    @property
    def horizon(self) -> int:
        """Every event with this `seq` or a smaller one that will ever be in the log can be seen by this transaction."""
        ...

    @property
    def in_transaction(self) -> bool:
        """False once a statement ended the transaction, or left it so that nothing of it can be kept."""
        ...

    def explain(self, error: BaseException | None, *, writable: bool) -> DatabaseError:
        """One of our errors for one of the driver's, which the last statement met."""
        ...

    def as_host(self) -> AbstractContextManager[None]:
        """Within it statements run with the host's own rights, in the same transaction."""
        ...

    def hurry(self, seconds: float) -> None:
        """What a guest's unit still has to compute ends after so many seconds, if it would not sooner."""
        ...

    def append(self, rows: Sequence[LogRow]) -> Sequence[int]:
        """Write rows of the event log, as whoever is served; their `seq`."""
        ...

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Note that these durable listeners have handled these events."""
        ...

    def kept_reply(self, asker: str, key: str) -> tuple[str, str] | None:
        """The fingerprint of what was asked under the key and the reply, if there is one."""
        ...

    def keep_reply(self, asker: str, key: str, fingerprint: str, reply: str, now: datetime) -> None: ...

    def empty_pages(self) -> int:
        """Pages of the file that hold nothing and that `give_back` could give to the disk."""
        ...

    def give_back(self, pages: int) -> None: ...


def is_guest(principal: Principal) -> bool:
    """Whether the principal's statements are not ours: they run under limits, and never in a group with others."""
    return principals.kind(principal) in GUESTS
