"""The unit of work, `tx`: one transaction of one principal, with the cause it acts under."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import HopLimitExceeded, PayloadInvalid
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import HOP_LIMIT, Cause
from vivesphere.kernel.db.connection import Connection
from vivesphere.kernel.db.errors import (
    AccessDenied,
    ConstraintViolated,
    DatabaseError,
    ReadOnly,
    TransactionLost,
    UnitClosed,
)
from vivesphere.kernel.db.event_rows import LogRow, row_of
from vivesphere.kernel.db.fingerprint import fingerprint
from vivesphere.kernel.db.hot import HotStatement
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import SYSTEM, Principal

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Staged = tuple[Envelope[Any], LogRow | None]
"""An event that waits for the commit, and its row if it is durable."""

HOSTS = frozenset({SYSTEM, principals.module("data"), principals.module("plugins")})
"""Who may define tables in a unit of work: for people, and for plugins."""


class EventCheck(Protocol):
    """What the bus says about an event before it is staged: raises PayloadInvalid, TopicInvalid or NotPermitted.

    Called on a database thread.
    """

    def __call__(self, principal: Principal, event: Event) -> None: ...


class Unit:
    """Lives on a database thread, from the first line of its rule to the last. `cause` is who acts, for whom, and why.

    `staged` and `reports` are for the kernel: the events that leave after the commit, and the tables that were refused.
    `lost` says that a statement ended the whole transaction; `looped` names the event at which a chain of causes was cut.
    """

    __slots__ = ("_check", "_connection", "_now", "_results", "cause", "looped", "lost", "reports", "staged", "writable")

    def __init__(
        self, connection: Connection, cause: Cause, *, now: Callable[[], datetime], check: EventCheck, writable: bool
    ) -> None:
        self.cause = cause
        self.writable = writable
        self.lost = False
        self.looped: str | None = None
        self.staged: list[Staged] = []
        self.reports: list[TableAccessDenied] = []
        self._connection: Connection | None = connection
        self._now = now
        self._check = check
        self._results: list[sa.CursorResult[Any]] = []

    def execute(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.CursorResult[Any]:
        """Run one statement.

        Raises AccessDenied, StatementFailed, ReadOnly, TransactionLost or DatabaseUnavailable, and SQLAlchemy's IntegrityError,
        which a repository turns into its module's own Conflict.
        """
        connection = self._open()
        try:
            result = connection.core.execute(statement, parameters)
        except sa.exc.DBAPIError as error:
            raise self._explained(connection, error) from error
        if result.returns_rows:
            self._results.append(result)
        return result

    def rows(self, statement: HotStatement, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a statement of a hot path finds. Raises what `execute` does, but ConstraintViolated for a constraint."""
        connection = self._open()
        try:
            return statement.rows(connection.core, parameters)
        except connection.driver_error as error:
            raise self._meaning(connection, error) from error

    def change(self, statement: HotStatement, parameters: Mapping[str, Any]) -> int:
        """How many rows a statement of a hot path changes. Raises as `rows` does."""
        connection = self._open()
        try:
            return statement.change(connection.core, parameters)
        except connection.driver_error as error:
            raise self._meaning(connection, error) from error

    def emit(self, event: Event) -> str:
        """Report a fact, and give its id. It leaves after the commit; a durable one is in the event log in the same commit.

        Raises PayloadInvalid, NotPermitted, HopLimitExceeded, or ReadOnly in a read.
        """
        connection = self._open()
        if not self.writable:
            raise ReadOnly("a read emits nothing: use db.write")
        if not isinstance(event, Event) or not event.topic:
            raise PayloadInvalid(f"{type(event).__name__} is not an event with a topic")
        if self.cause.hop >= HOP_LIMIT:
            self.looped = event.topic
            raise HopLimitExceeded(f"{event.topic}: the chain of causes has {self.cause.hop} hops and goes no further")
        self._check(connection.principal, event)
        envelope = Envelope(id=new_id(), topic=event.topic, timestamp=self._now().timestamp(), cause=self.cause, payload=event)
        self.staged.append((envelope, row_of(envelope) if event.durable else None))
        return envelope.id

    def append(self, rows: Sequence[LogRow]) -> None:
        """Write encoded events at the end of the log, in few statements. For `system`; raises what `execute` does."""
        connection = self._open()
        try:
            connection.append(rows)
        except connection.driver_error as error:
            raise self._meaning(connection, error) from error

    def empty_pages(self) -> int:
        """Pages of the file that hold nothing."""
        return self._open().empty_pages()

    def give_back(self, pages: int) -> None:
        """Hand so many empty pages back to the disk, one at least. For `system`."""
        connection = self._open()
        if connection.principal != SYSTEM:
            raise self._denied(connection.principal, "vacuum")
        try:
            connection.give_back(pages)
        except connection.driver_error as error:
            raise self._meaning(connection, error) from error

    @contextmanager
    def as_host(self) -> Iterator[None]:
        """Define tables with the host's rights, in this very transaction; `ddl.py` is the one caller. Not for a guest's SQL.

        Raises AccessDenied for a principal that defines no tables, ReadOnly in a read.
        """
        connection = self._open()
        if not self.writable:
            raise ReadOnly("a read defines no tables: use db.write")
        if connection.principal not in HOSTS:
            raise self._denied(connection.principal, "define tables")
        with connection.as_host():
            yield

    @property
    def horizon(self) -> int:
        """How far the event log can be read without passing over an event that comes late: up to this `seq`."""
        return self._open().horizon

    def hurry(self, seconds: float) -> None:
        """What a guest's unit still has to compute ends after so many seconds, if it would not sooner. Ours takes its time."""
        self._open().hurry(seconds)

    def now(self) -> datetime:
        """The time, by the server's clock."""
        return self._now()

    def close(self) -> None:
        """The rule has returned. A result it left half read would keep the snapshot open, so it is closed too."""
        for result in self._results:
            result.close()
        self._results.clear()
        self._connection = None

    def left_with(self, connection: Connection, error: sa.exc.DBAPIError) -> Exception:
        """A driver's error left the rule: one met while rows were fetched, or a constraint that no repository translated."""
        explained = self._explained(connection, error)
        return ConstraintViolated(str(error.orig)) if explained is error else explained

    def _open(self) -> Connection:
        if self._connection is None:
            raise UnitClosed("the unit of work is over: return what you need from the rule")
        if self.lost:
            raise TransactionLost("an earlier statement ended the transaction")
        return self._connection

    def _explained(self, connection: Connection, error: sa.exc.DBAPIError) -> Exception:
        explained = self._meaning(connection, error.orig, error.statement)
        return error if isinstance(explained, ConstraintViolated) else explained

    def _meaning(self, connection: Connection, error: BaseException | None, sql: str | None = None) -> DatabaseError:
        self.lost = not connection.in_transaction
        explained = connection.explain(error, writable=self.writable)
        if isinstance(explained, AccessDenied):
            self._report(explained, sql)
        return explained

    def _denied(self, principal: Principal, action: str) -> AccessDenied:
        denied = AccessDenied(principal, action, "")
        self._report(denied)
        return denied

    def _report(self, denied: AccessDenied, sql: str | None = None) -> None:
        known_by = fingerprint(sql) if sql else ""
        self.reports.append(
            TableAccessDenied(principal=denied.principal, action=denied.action, table=denied.table, sql=known_by)
        )
