"""The readers: four threads, and connections that each belong to one principal and can only query."""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, Literal

from vivesphere.kernel.db.access import CurrentAccess
from vivesphere.kernel.db.connection import is_guest
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.sqlite.connection import Connect, Connection
from vivesphere.kernel.db.sqlite.errors import meaning
from vivesphere.kernel.db.work import Hooks, Work
from vivesphere.kernel.principals import Principal

THREADS = 4
CONNECTIONS = 32

PATIENCE = 0.01
"""Seconds. Short reads on several threads only take Python's lock from one another and from the loop: over HTTP four threads
cost a third more for each read than one. So one leads; the others help when in so long a time it did less than its share."""


Call = Literal["help", "end"]
"""What a helping thread is woken for."""


class ReadPool:
    """Idle connections by principal. At the cap the one that has been idle longest is closed to make room."""

    def __init__(self, connect: Connect, access: CurrentAccess) -> None:
        self._connect = connect
        self._access = access
        self._lock = threading.Lock()
        self._idle: dict[Principal, list[tuple[float, Connection]]] = {}
        self._open = 0

    @property
    def size(self) -> int:
        """Connections that are open, lent or idle."""
        return self._open

    def lend(self, principal: Principal) -> Connection:
        """A connection that serves the principal under the policy in force."""
        with self._lock:
            idle = self._idle.get(principal)
            found = idle.pop()[1] if idle else None
            if found is None:
                oldest = self._evict() if self._open >= CONNECTIONS else None
                self._open += 1
        if found is None:
            if oldest is not None:
                oldest.close()
            found = self._make(principal)
        found.serve(principal, self._access.policy)
        return found

    def take_back(self, principal: Principal, connection: Connection) -> None:
        with self._lock:
            self._idle.setdefault(principal, []).append((time.monotonic(), connection))

    def close(self) -> None:
        """Close what is idle; nothing is lent any more when the threads have ended."""
        with self._lock:
            connections = [connection for idle in self._idle.values() for _, connection in idle]
            self._idle.clear()
            self._open -= len(connections)
        for connection in connections:
            connection.close()

    def _make(self, principal: Principal) -> Connection:
        try:
            connection = self._connect()
        except BaseException:
            with self._lock:
                self._open -= 1
            raise
        if is_guest(principal):
            connection.limit()
        return connection

    def _evict(self) -> Connection:
        # A thread is lent one connection at most, so at the cap there are idle ones. The first of each list is its oldest.
        principal = min((principal for principal, idle in self._idle.items() if idle), key=lambda each: self._idle[each][0][0])
        self._open -= 1
        return self._idle[principal].pop(0)[1]


class Readers:
    """Owns the reading threads. Made and closed on the loop."""

    def __init__(
        self,
        connect: Connect,
        access: CurrentAccess,
        hooks: Hooks,
        now: Callable[[], datetime],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.pool = ReadPool(connect, access)
        self._hooks = hooks
        self._now = now
        self._loop = loop
        self._closing = False
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._open = 0
        self._led = self._led_before = 0
        self._behind = False
        self._look: asyncio.TimerHandle | None = None
        self._done: deque[Work] = deque()
        self._loop_knows = False
        self._threads = [
            threading.Thread(target=self._help if number else self._lead, name=f"vivesphere-db-reader-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, work: Work) -> Any:
        """Run the rule on one snapshot of the database."""
        if self._closing:
            raise DatabaseUnavailable("the database is closed")
        self._open += 1
        self._queue.put(work)
        if self._behind:
            self._calls.put("help")
        elif self._look is None:
            self._look = self._loop.call_later(PATIENCE, self._judge)
        return await work.future

    async def close(self) -> None:
        """Refuse new reads, answer those that wait, and close."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
            for _ in self._threads:
                self._calls.put("end")
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        if self._look is not None:
            self._look.cancel()
        self.pool.close()
        self._settle()

    def _judge(self) -> None:
        """On the loop, while anything is open: the leading thread is behind if it hangs in a unit, or if all threads together
        would need longer than PATIENCE for what is open."""
        led, self._led_before = self._led - self._led_before, self._led
        self._behind = self._open > led * THREADS
        if self._behind:
            for _ in range(min(self._open, THREADS - 1)):
                self._calls.put("help")
        self._look = self._loop.call_later(PATIENCE, self._judge) if self._open else None

    def _lead(self) -> None:
        while (work := self._queue.get()) is not None:
            self._serve(work)
            self._led += 1

    def _help(self) -> None:
        while self._calls.get() == "help":
            with suppress(Empty):
                while (work := self._queue.get_nowait()) is not None:
                    self._serve(work)
                # That was the leading thread's end.
                self._queue.put(None)

    def _serve(self, work: Work) -> None:
        if not work.future.cancelled():
            self._perform(work)
        self._done.append(work)
        # One wake-up of the loop answers everything that is done by then. `_settle` lowers the flag before it looks, so a
        # unit put down after its look raises it again.
        if not self._loop_knows:
            self._loop_knows = True
            self._loop.call_soon_threadsafe(self._settle)

    def _perform(self, work: Work) -> None:
        try:
            connection = self.pool.lend(work.principal)
        except Exception as error:  # noqa: BLE001 - the thread must outlive a file it cannot open, and the caller hear of it
            work.fail(DatabaseUnavailable(f"the database cannot be read now: {error}"))
            return
        try:
            connection.begin()
            work.perform(connection, self._hooks, self._now, writable=False)
            connection.rollback()
        except sqlite3.Error as error:
            work.fail(meaning(error))
        finally:
            self.pool.take_back(work.principal, connection)

    def _settle(self) -> None:
        self._loop_knows = False
        while self._done:
            self._open -= 1
            self._done.popleft().settle(self._hooks)
