"""Strangers' statements: on connections under logins of their own, with an end to what runs too long."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import psycopg
import sqlalchemy as sa

from vivesphere.kernel.bus.in_flight import Settlement
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.event_rows import LogRow
from vivesphere.kernel.db.postgres.connection import Connection
from vivesphere.kernel.db.postgres.errors import meaning
from vivesphere.kernel.db.postgres.pool import Pool
from vivesphere.kernel.principals import Principal

GUEST_SECONDS: Final = 2.0
"""How long one unit of a guest may compute in the database."""


class Guest:
    """The connection of a guest's unit: lent with its first statement, so that who only emits events needs none."""

    driver_error = psycopg.Error

    def __init__(self, principal: Principal, pool: Callable[[], Pool], mode: bytes, watch: "Watch") -> None:
        self.principal = principal
        self.horizon = 0
        self._find_pool = pool
        self._mode = mode
        self._watch = watch
        self._pool: Pool | None = None
        self._lent: Connection | None = None
        self._watched: int | None = None
        self._seconds = GUEST_SECONDS

    def hurry(self, seconds: float) -> None:
        """Before its first statement; then the clock runs."""
        self._seconds = min(self._seconds, seconds)

    @property
    def core(self) -> sa.Connection:
        return self._connection().core

    @property
    def in_transaction(self) -> bool:
        return self._lent is None or self._lent.in_transaction

    def explain(self, error: BaseException | None, *, writable: bool) -> DatabaseError:
        return meaning(error) if self._lent is None else self._lent.explain(error, writable=writable)

    @contextmanager
    def as_host(self) -> Iterator[None]:
        """Never: `Unit` refuses it to guests."""
        raise NotImplementedError
        yield

    def append(self, rows: Sequence[LogRow]) -> Sequence[int]:
        """The server refuses it, as it does any other table that is not the guest's."""
        return self._connection().append(rows)

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._connection().settle(settlements)

    def kept_reply(self, asker: str, key: str) -> tuple[str, str] | None:
        return self._connection().kept_reply(asker, key)

    def keep_reply(self, asker: str, key: str, fingerprint: str, reply: str, now: datetime) -> None:
        self._connection().keep_reply(asker, key, fingerprint, reply, now)

    def empty_pages(self) -> int:
        return 0

    def give_back(self, pages: int) -> None:
        """`Unit` refuses it to guests."""

    def raise_if_in_vain(self) -> None:
        if self._lent is not None:
            self._lent.raise_if_in_vain()

    def commit(self) -> bool:
        """False if there was nothing to: it never spoke to the database."""
        if self._lent is None:
            return False
        self._lent.commit()
        return True

    def finish(self) -> None:
        """Give up what is open, and the connection back."""
        if self._lent is None or self._pool is None:
            return
        if self._watched is not None and not self._watch.end(self._watched):
            # A cancellation may still be on its way to it.
            self._lent.close()
        self._lent.finish()
        self._pool.take_back(self._lent)
        self._lent = None

    def _connection(self) -> Connection:
        if self._lent is None:
            self._pool = self._find_pool()
            self._lent = self._pool.lend()
            self._lent.begin_as_guest(self.principal, self._mode, self._seconds)
            self._watched = self._watch.begin(self._lent, self._seconds)
        return self._lent


class Watch:
    """Cancels what runs too long, whatever the guest told its session about time-outs. One thread, started when needed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._due: list[tuple[float, int]] = []
        self._watched: dict[int, Connection] = {}
        self._thread: threading.Thread | None = None
        self._closing = False

    def begin(self, connection: Connection, seconds: float) -> int:
        with self._changed:
            number = next(self._numbers)
            self._watched[number] = connection
            # A little later than the server's own clock, which says better what took so long.
            heapq.heappush(self._due, (time.monotonic() + seconds * 1.25, number))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="vivesphere-db-watch", daemon=True)
                self._thread.start()
            self._changed.notify()
        return number

    def end(self, number: int) -> bool:
        """False if it was cancelled."""
        with self._changed:
            return self._watched.pop(number, None) is not None

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        with self._changed:
            while not self._closing:
                now = time.monotonic()
                while self._due and self._due[0][0] <= now:
                    _, number = heapq.heappop(self._due)
                    if (connection := self._watched.pop(number, None)) is not None:
                        connection.cancel()
                self._changed.wait(self._due[0][0] - now if self._due else None)
