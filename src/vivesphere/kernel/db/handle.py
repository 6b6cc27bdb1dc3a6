"""The database as the rest of the house sees it: handles bound to principals, rules run as units of work."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.bus.in_flight import Acknowledgement
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.access import AccessPolicy, CurrentAccess, Granted, TableDescription
from vivesphere.kernel.db.connection import Connection, make_engine
from vivesphere.kernel.db.grants import known_access
from vivesphere.kernel.db.kept_replies import IdempotencyKey, Once
from vivesphere.kernel.db.readers import Readers
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.db.work import Hooks, Work
from vivesphere.kernel.db.writer import Writer
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import SYSTEM, Principal
from vivesphere.kernel.services import Health

__all__ = ["Database", "DatabaseHandle", "DatabaseStatistics", "Unit"]

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start, for `/metrics`. `units` written in `groups` commits; `refused` by the table ACL."""

    groups: int
    units: int
    refused: int
    read_connections: int


class DatabaseHandle:
    """The database for one principal: it can do nothing under another name."""

    __slots__ = ("_loop", "_readers", "_writer", "principal")

    def __init__(self, principal: Principal, readers: Readers, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        self.principal = principal
        self._readers = readers
        self._writer = writer
        self._loop = loop

    async def read(self, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the rule on one snapshot. It can write and emit nothing."""
        result: R = await self._readers.read(self._work(rule, args, kwargs))
        return result

    async def write(self, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the rule as a unit of work; returns when its commit is on disk. The rule may run twice (I6).

        Under a cause in shadow mode the rule's writes and events are given up and its result returned. The kernel's own handle
        is exempt: what it writes there is the record of what was pretended.
        """
        result: R = await self._writer.write(self._work(rule, args, kwargs))
        return result

    async def acknowledge(
        self, delivery: Acknowledgement, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Like `write`, and the event that `delivery` stands for is handled once this commit is on disk: neither without the
        other, so that the rule's writes are made exactly once, however often the event comes. Raises NotPermitted for an event
        that came to somebody else."""
        if self.principal != SYSTEM and not delivery.listener.startswith(f"{self.principal}/"):
            raise NotPermitted(f"{self.principal} cannot say that {delivery.listener} has handled an event")
        result: R = await self._writer.write(self._work(rule, args, kwargs, delivery))
        return result

    async def write_once(
        self, key: IdempotencyKey[R] | None, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Like `write`, but however often it is asked for under this key, also at once and after a crash, the rule's writes are
        made and its events leave once, and everyone gets its reply. A rule that raises has not answered. Of what only pretends
        (shadow) nothing is kept. Without a key it is `write`.

        Raises IdempotencyKeyReused if something else was asked under the key before.
        """
        result: R = await self._writer.write(self._work(rule, args, kwargs, once=key))
        return result

    async def answered(self, key: IdempotencyKey[R] | None) -> R | None:
        """What was answered under the key, if anything was: for who checks or does something before the unit that is written
        once. Raises IdempotencyKeyReused."""
        if key is None:
            return None
        try:
            known: R = await self._writer.write(self._work(_not_answered, (), {}, once=key))
        except _NotAnswered:
            return None
        return known

    def _work(
        self,
        rule: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        acknowledges: Acknowledgement | None = None,
        once: IdempotencyKey[Any] | None = None,
    ) -> Work:
        # The cause is taken here, on the loop: the database threads do not see the caller's context.
        cause = cause_for(self.principal)
        return Work(
            self.principal,
            cause,
            self._loop.create_future(),
            rule=rule,
            args=args,
            kwargs=kwargs,
            acknowledges=acknowledges,
            once=None if once is None else Once(once, self.principal, cause),
        )


class _NotAnswered(Exception):
    """A rule that raises has not answered, so nothing is kept under the key."""


def _not_answered(_tx: Unit) -> NoReturn:
    raise _NotAnswered


class Database:
    """One migrated SQLite file, its readers and its writer. Lives on one loop. `access` says which tables are whose."""

    def __init__(self, file: Path, access: CurrentAccess, clock: Clock, hooks: Hooks) -> None:
        self.access = access
        self.hooks = hooks
        self._loop = asyncio.get_running_loop()
        self._refreshing = asyncio.Lock()
        engine = make_engine(file)
        self._readers = Readers(lambda: Connection(engine, query_only=True), access, self.hooks, clock.now, self._loop)
        self._writer = Writer(lambda: Connection(engine), access, self.hooks, clock.now, self._loop)

    @classmethod
    async def open(cls, file: Path, *, clock: Clock, hooks: Hooks | None = None) -> "Database":
        """Open a file that `migrate` has brought up to date. `hooks` are what the bus puts in; without them nobody hears."""
        known, granted = await asyncio.to_thread(_known_access, file)
        return cls(file, CurrentAccess(AccessPolicy(known, granted=granted)), clock, hooks or Hooks())

    def handle(self, principal: Principal) -> DatabaseHandle:
        """The one way to the database. Whoever gives it out decides who its holder is."""
        return DatabaseHandle(principal, self._readers, self._writer, self._loop)

    async def refresh_access(self) -> None:
        """Put the present tables and grants in force, after one of them has come, gone, or changed hands. Connections that are
        open follow when they are next lent."""
        # One after another: what was read later must not be replaced by what was read before.
        async with self._refreshing:
            self.access.replace(*await self.handle(SYSTEM).read(known_access))

    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(
            groups=self._writer.groups,
            units=self._writer.units,
            refused=self.hooks.refused,
            read_connections=self._readers.pool.size,
        )

    def health(self) -> Health:
        """Degraded while nothing can be written, such as on a full disk."""
        trouble = self._writer.trouble
        return Health() if trouble is None else Health("degraded", trouble)

    async def close(self) -> None:
        """Refuse new work, finish what waits, and close. The writer is last: it leaves the file without a log beside it."""
        await self._readers.close()
        await self._writer.close()


def _known_access(file: Path) -> tuple[tuple[TableDescription, ...], frozenset[Granted]]:
    engine = make_engine(file)
    try:
        with engine.connect() as connection:
            return known_access(connection)
    except sa.exc.DBAPIError as error:
        raise StartError(
            f"{file} is not a database of ViveSphere ({error.orig}); name another one in VIVESPHERE_DATABASE_URL."
        ) from error
