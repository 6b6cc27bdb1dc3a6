"""The database as the rest of the house sees it: handles bound to principals, rules run as units of work."""

import asyncio
from collections.abc import Callable
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.bus.in_flight import Acknowledgement
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.access import CurrentAccess
from vivesphere.kernel.db.engine import DatabaseStatistics, Engine
from vivesphere.kernel.db.engines import open_engine
from vivesphere.kernel.db.grants import known_access
from vivesphere.kernel.db.kept_replies import IdempotencyKey, Once
from vivesphere.kernel.db.location import Place
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.db.work import Hooks, Work
from vivesphere.kernel.principals import SYSTEM, Principal
from vivesphere.kernel.services import Health

__all__ = ["Database", "DatabaseHandle", "DatabaseStatistics", "Unit"]

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseHandle:
    """The database for one principal: it can do nothing under another name."""

    __slots__ = ("_engine", "_loop", "principal")

    def __init__(self, principal: Principal, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self.principal = principal
        self._engine = engine
        self._loop = loop

    async def read(self, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the rule on one snapshot. It can write and emit nothing."""
        result: R = await self._engine.read(self._work(rule, args, kwargs))
        return result

    async def write(self, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the rule as a unit of work; returns when its commit is on disk. The rule may run twice (I6).

        Under a cause in shadow mode the rule's writes and events are given up and its result returned. The kernel's own handle
        is exempt: what it writes there is the record of what was pretended.
        """
        result: R = await self._engine.write(self._work(rule, args, kwargs))
        return result

    async def acknowledge(
        self, delivery: Acknowledgement, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Like `write`, and the event that `delivery` stands for is handled once this commit is on disk: neither without the
        other, so that the rule's writes are made exactly once, however often the event comes. Raises NotPermitted for an event
        that came to somebody else."""
        if self.principal != SYSTEM and not delivery.listener.startswith(f"{self.principal}/"):
            raise NotPermitted(f"{self.principal} cannot say that {delivery.listener} has handled an event")
        result: R = await self._engine.write(self._work(rule, args, kwargs, delivery))
        return result

    async def write_once(
        self, key: IdempotencyKey[R] | None, rule: Callable[Concatenate[Unit, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Like `write`, but however often it is asked for under this key, also at once and after a crash, the rule's writes are
        made and its events leave once, and everyone gets its reply. A rule that raises has not answered. Of what only pretends
        (shadow) nothing is kept. Without a key it is `write`.

        Raises IdempotencyKeyReused if something else was asked under the key before.
        """
        result: R = await self._engine.write(self._work(rule, args, kwargs, once=key))
        return result

    async def answered(self, key: IdempotencyKey[R] | None) -> R | None:
        """What was answered under the key, if anything was: for who checks or does something before the unit that is written
        once. Raises IdempotencyKeyReused."""
        if key is None:
            return None
        try:
            known: R = await self._engine.write(self._work(_not_answered, (), {}, once=key))
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
    """A migrated database and the engine that runs units on it. Lives on one loop. `access` says which tables are whose."""

    def __init__(self, engine: Engine, access: CurrentAccess, hooks: Hooks) -> None:
        self.engine = engine
        self.access = access
        self.hooks = hooks
        self._loop = asyncio.get_running_loop()
        self._refreshing = asyncio.Lock()

    @classmethod
    async def open(cls, place: Place, *, clock: Clock, hooks: Hooks | None = None) -> "Database":
        """Open what `migrate` has brought up to date. `hooks` are what the bus puts in; without them nobody hears."""
        hooks = hooks or Hooks()
        engine, access = await open_engine(place, clock, hooks)
        return cls(engine, access, hooks)

    def handle(self, principal: Principal) -> DatabaseHandle:
        """The one way to the database. Whoever gives it out decides who its holder is."""
        return DatabaseHandle(principal, self.engine, self._loop)

    async def refresh_access(self) -> None:
        """Put the present tables and grants in force, after one of them has come, gone, or changed hands. What is already under
        way ends as it began."""
        # One after another: what was read later must not be replaced by what was read before.
        async with self._refreshing:
            self.access.replace(*await self.handle(SYSTEM).read(known_access))
            await self.engine.access_changed()

    async def bound_journal(self) -> None:
        """Give back what the database wrote ahead and needs no more, if it is much."""
        await self.engine.bound_journal()

    def statistics(self) -> DatabaseStatistics:
        return self.engine.statistics()

    def health(self) -> Health:
        return self.engine.health()

    async def close(self) -> None:
        """Refuse new work, finish what waits, and close."""
        await self.engine.close()
