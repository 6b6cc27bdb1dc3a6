"""PostgreSQL as the handles see it: threads, pools, roles, and the watch over all of them."""

import asyncio
import heapq
import itertools
import threading
from collections import deque
from collections.abc import Awaitable
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.access import AccessPolicy, CurrentAccess, Granted, TableDescription
from vivesphere.kernel.db.connection import is_guest
from vivesphere.kernel.db.engine import DatabaseStatistics
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.grants import known_access
from vivesphere.kernel.db.location import PoolSize, PostgresPlace
from vivesphere.kernel.db.postgres.connection import Connection
from vivesphere.kernel.db.postgres.guests import GUEST_SECONDS, Guest, Watch
from vivesphere.kernel.db.postgres.horizon import Horizon
from vivesphere.kernel.db.postgres.opening import core_engine, open_raw, sentence
from vivesphere.kernel.db.postgres.pool import Pool
from vivesphere.kernel.db.postgres.roles import Login, Roles
from vivesphere.kernel.db.postgres.server_lock import ServerLock
from vivesphere.kernel.db.postgres.threads import Threads
from vivesphere.kernel.db.postgres.transactions import READ, WRITE, Transactions
from vivesphere.kernel.db.work import Hooks, Work
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.services import Health

GUEST_POOL = PoolSize(1, 3)
"""Connections of one guest; all guests together have as many threads."""

GUEST_POOLS = 16
"""Of those that were used last; a guest who comes back after longer is connected anew."""

LOOK_SECONDS = 5.0
"""Between two looks whether the server is still there and still ours."""

log = structlog.get_logger("vivesphere.db")


class PostgresEngine:
    """Opened and closed on the loop. `start` is the part that waits for the server, on a thread."""

    def __init__(self, place: PostgresPlace, clock: Clock, hooks: Hooks) -> None:
        self.hooks = hooks
        self._place = place
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._lock = ServerLock(place)
        self._horizon = Horizon()
        core = core_engine(place)
        self._pool = Pool(lambda: Connection(core, self._horizon), place.pool)
        self._guest_pools: dict[Login, Pool] = {}
        self._guest_lock = threading.Lock()
        self._watch = Watch()
        self._transactions = Transactions(self._pool, hooks, clock.now)
        self._threads = Threads("host", place.pool.most, self._finished, self._loop)
        self._guest_threads = Threads("guest", GUEST_POOL.most, self._finished, self._loop)
        self._done: deque[Work] = deque()
        self._waiting: list[tuple[int, int, Work]] = []
        self._numbers = itertools.count()
        self._loop_knows = False
        self._trouble: str | None = None
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> CurrentAccess:
        """Take the database, see how far its log goes, and put the stored policy in force. Raises StartError."""
        try:
            self._lock.take()
            known, granted = _stored_access(self._place)
            self._horizon.given(newest_event(self._place))
            self._access = CurrentAccess(AccessPolicy(known, granted=granted))
            self._roles = Roles(self._place)
            self._roles.begin(self._access.policy)
        except (psycopg.Error, sa.exc.DBAPIError) as error:
            self._lock.release()
            reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            raise StartError(
                f"The {self._place} cannot be used ({sentence(reason)}); mend that, or name another one in "
                "VIVESPHERE_DATABASE_URL."
            ) from error
        return self._access

    def watch(self) -> None:
        """From now on look after the server."""
        self._looking = self._loop.create_task(self._look_after())

    def read(self, work: Work) -> Awaitable[Any]:
        if is_guest(work.principal):
            return self._guest_threads.run(work, self._read_as_guest)
        return self._threads.run(work, self._read)

    def write(self, work: Work) -> Awaitable[Any]:
        if is_guest(work.principal):
            return self._guest_threads.run(work, self._write_as_guest)
        return self._threads.run(work, self._write)

    async def access_changed(self) -> None:
        try:
            await asyncio.to_thread(self._roles.apply, self._access.policy)
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"the new access rights cannot be put in force: {sentence(error)}") from error

    async def bound_journal(self) -> None:
        """The server's checkpoints do it."""

    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(
            groups=self._transactions.units,
            units=self._transactions.units,
            refused=self.hooks.refused,
            read_connections=self._pool.open + sum(pool.open for pool in tuple(self._guest_pools.values())),
        )

    def health(self) -> Health:
        trouble = self._trouble or self._transactions.trouble or self._roles.trouble
        return Health() if trouble is None else Health("degraded", trouble)

    async def close(self) -> None:
        """Refuse new work, finish what waits, and let go of the database."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._threads.close()
        await self._guest_threads.close()
        self._watch.close()
        for pool in (self._pool, *self._guest_pools.values()):
            pool.close()
        self._roles.close()
        self._lock.release()
        self._settle()

    # On the threads.

    def _read(self, work: Work) -> None:
        if (role := self._role(work)) is not None:
            self._transactions.read(work, role)

    def _write(self, work: Work) -> None:
        if (role := self._role(work)) is not None:
            self._transactions.write(work, role)

    def _read_as_guest(self, work: Work) -> None:
        self._transactions.read_as_guest(work, partial(self._guest, work.principal, READ))

    def _write_as_guest(self, work: Work) -> None:
        self._transactions.write_as_guest(work, partial(self._guest, work.principal, WRITE))

    def _role(self, work: Work) -> bytes | None:
        try:
            role = self._role_of(work.principal)
        except DatabaseUnavailable as error:
            work.fail(error)
            return None
        return b'"%s"' % role.encode() if role else b""

    def _role_of(self, principal: Principal) -> str:
        try:
            return self._roles.role(principal, self._access.policy)
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"the database cannot say what {principal} may: {sentence(error)}") from error

    def _guest(self, principal: Principal, mode: bytes) -> Guest:
        return Guest(principal, lambda: self._guest_pool(principal), mode, self._watch)

    def _guest_pool(self, principal: Principal) -> Pool:
        """The pool of who may what this principal may."""
        if self._roles.trouble is not None:
            raise DatabaseUnavailable(self._roles.trouble)
        login = self._roles.login(self._role_of(principal))
        with self._guest_lock:
            # Back at the end, where the oldest is not.
            pool = self._guest_pools.pop(login, None) or self._new_guest_pool(login)
            self._guest_pools[login] = pool
            oldest = self._guest_pools.pop(next(iter(self._guest_pools))) if len(self._guest_pools) > GUEST_POOLS else None
        if oldest is not None:
            oldest.close()
        return pool

    def _new_guest_pool(self, login: Login) -> Pool:
        core = core_engine(self._place, login, patience=GUEST_SECONDS)
        return Pool(lambda: Connection(core, self._horizon), GUEST_POOL)

    def _finished(self, work: Work) -> None:
        self._done.append(work)
        # One wake-up of the loop answers everything that is done by then. `_settle` lowers the flag before it looks.
        if not self._loop_knows:
            self._loop_knows = True
            self._loop.call_soon_threadsafe(self._settle)

    # On the loop.

    def _settle(self) -> None:
        """Events leave in the order of their `seq`, as they stand in the log: whoever has seen one has seen all before it. So a
        commit is told when nothing before it is under way any more."""
        self._loop_knows = False
        while self._done:
            work = self._done.popleft()
            last = max((envelope.seq or 0 for envelope, _ in work.staged), default=0)
            heapq.heappush(self._waiting, (last, next(self._numbers), work))
        reach = self._horizon.reach()
        while self._waiting and self._waiting[0][0] <= reach:
            _, _, work = heapq.heappop(self._waiting)
            try:
                if work.staged:
                    self.hooks.dispatch([envelope for envelope, _ in work.staged])
            finally:
                work.settle(self.hooks)

    async def _look_after(self) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            self._trouble = await asyncio.to_thread(self._look)
            self._settle()

    def _look(self) -> str | None:
        trouble = self._lock.keep()
        if trouble is None and (doubtful := self._horizon.doubtful):
            try:
                self._horizon.given(newest_event(self._place))
                self._horizon.settled(doubtful)
            except psycopg.Error as error:
                trouble = sentence(error)
        return trouble


def newest_event(place: PostgresPlace) -> int:
    """The last `seq` there is, once nobody writes events any more: who does holds a lock that this one waits for."""
    with open_raw(place) as raw, raw.transaction():
        raw.execute("LOCK TABLE event_log IN SHARE MODE")
        found = raw.execute("SELECT coalesce(max(seq), 0) FROM event_log").fetchone()
    return int(found[0]) if found else 0


def _stored_access(place: PostgresPlace) -> tuple[tuple[TableDescription, ...], frozenset[Granted]]:
    engine = core_engine(place)
    with engine.connect() as connection:
        return known_access(connection)
