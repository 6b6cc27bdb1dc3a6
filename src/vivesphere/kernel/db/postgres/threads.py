"""Threads that perform units for a pool of connections, each principal in its turn."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.work import Work
from vivesphere.kernel.principals import Principal

log = structlog.get_logger("vivesphere.db")

PLACES = 1024
"""Units of one principal that may wait; the next caller waits for a place."""

Perform = Callable[[Work], None]
"""Never raises; what came of it stands in the work."""


class Threads:
    """As many as there may be connections, started as they are needed. Made and closed on the loop."""

    def __init__(self, name: str, most: int, done: Callable[[Work], None], loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._most = most
        self._done = done
        self._loop = loop
        self._threads: list[threading.Thread] = []
        self._wanted = threading.Condition()
        self._waiting: dict[Principal, deque[tuple[Work, Perform]]] = {}
        self._idle = 0
        self._queued = 0
        self._closing = False
        self._places: dict[Principal, asyncio.Semaphore] = {}

    async def run(self, work: Work, perform: Perform) -> Any:
        """Raises what the rule raises, or DatabaseUnavailable once it is closed."""
        places = self._places.get(work.principal)
        if places is None:
            places = self._places[work.principal] = asyncio.Semaphore(PLACES)
        async with places:
            self._put(work, perform)
            return await work.future

    async def close(self) -> None:
        """Refuse new units and perform those that wait."""
        with self._wanted:
            self._closing = True
            self._wanted.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _put(self, work: Work, perform: Perform) -> None:
        with self._wanted:
            if self._closing:
                raise DatabaseUnavailable("the database is closed")
            self._waiting.setdefault(work.principal, deque()).append((work, perform))
            self._queued += 1
            if self._idle >= self._queued or len(self._threads) >= self._most:
                self._wanted.notify()
                return
        number = len(self._threads)
        # A daemon: if the loop dies without closing us, a committed database is left behind and the process can end.
        thread = threading.Thread(target=self._serve, name=f"vivesphere-db-{self._name}-{number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (taken := self._next()) is not None:
            work, perform = taken
            try:
                if not work.future.cancelled():
                    perform(work)
            except Exception as error:
                log.exception("database_thread_failed", rule=work.name)
                work.fail(DatabaseUnavailable(f"the database's thread failed: {error!r}"))
            self._done(work)

    def _next(self) -> tuple[Work, Perform] | None:
        """The next unit of who waits longest; None when there are none and no more will come."""
        with self._wanted:
            while not self._waiting:
                if self._closing:
                    return None
                self._idle += 1
                self._wanted.wait()
                self._idle -= 1
            principal = next(iter(self._waiting))
            units = self._waiting.pop(principal)
            taken = units.popleft()
            self._queued -= 1
            if units:
                # To the end of the line, behind the others.
                self._waiting[principal] = units
            return taken
