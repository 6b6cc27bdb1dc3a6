"""Connections that wait for the next unit, for one login."""

import threading
from collections.abc import Callable

from vivesphere.kernel.db.location import PoolSize
from vivesphere.kernel.db.postgres.connection import Connection


class Pool:
    """Who lends may not ask for more than `size.most` at once: there are no more threads. What is above `size.kept` is closed
    when it comes back and nobody waits for it."""

    def __init__(self, connect: Callable[[], Connection], size: PoolSize) -> None:
        self._connect = connect
        self._size = size
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self.open = 0
        """Connections that are lent or idle."""

    def lend(self) -> Connection:
        """The one that was last used, or a new one. Raises psycopg.Error."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            self.open += 1
        try:
            return self._connect()
        except BaseException:
            with self._lock:
                self.open -= 1
            raise

    def take_back(self, connection: Connection) -> None:
        with self._lock:
            if not (keep := not self._closed and not connection.lost and len(self._idle) < self._size.kept):
                self.open -= 1
            else:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def forget_idle(self) -> None:
        """Close what is idle: a server that was restarted knows none of them any more."""
        with self._lock:
            idle, self._idle = self._idle, []
            self.open -= len(idle)
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        self._closed = True
        self.forget_idle()
