"""One server for a database: a lock of the session that PostgreSQL lets go of when the server's connection ends."""

from contextlib import suppress
from typing import Final

import psycopg
import structlog

from vivesphere.kernel.db.location import PostgresPlace
from vivesphere.kernel.db.postgres.opening import open_raw, sentence
from vivesphere.kernel.errors import StartError

SERVER_LOCK: Final = 0x7669_7665_0001
"""A number that no other program is likely to take; locks are each database's own."""

IN_USE: Final = "{} is in use by another ViveSphere server; stop that one first, or name another database."

log = structlog.get_logger("vivesphere.db")


class ServerLock:
    """Holds the lock, and takes it again when the connection was lost. Called on threads, one at a time."""

    def __init__(self, place: PostgresPlace) -> None:
        self._place = place
        self._holding: psycopg.Connection[tuple[object, ...]] | None = None

    def take(self) -> None:
        """Raises StartError if another server holds it, psycopg.Error if nobody can be asked."""
        holding = open_raw(self._place)
        found = holding.execute("SELECT pg_try_advisory_lock(%s)", (SERVER_LOCK,)).fetchone()
        if found != (True,):
            holding.close()
            raise StartError(IN_USE.format(self._place))
        self._holding = holding

    def keep(self) -> str | None:
        """Look whether it is still held, and take it again if not. What keeps us from holding it, if anything does."""
        try:
            if self._holding is not None:
                self._holding.execute("SELECT 1")
                return None
        except psycopg.Error as error:
            log.warning("database_connection_lost", reason=sentence(error))
            self.release()
        try:
            self.take()
        except (psycopg.Error, StartError) as error:
            return sentence(error)
        return None

    def release(self) -> None:
        if self._holding is not None:
            # The server notices late that a connection has ended, and the next one of ours may start at once.
            with suppress(psycopg.Error):
                self._holding.execute("SELECT pg_advisory_unlock(%s)", (SERVER_LOCK,))
            self._holding.close()
            self._holding = None
