"""SQLite as the handles see it: the readers and the writer of one migrated file."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.access import CurrentAccess, Granted, TableDescription
from vivesphere.kernel.db.engine import DatabaseStatistics
from vivesphere.kernel.db.grants import known_access
from vivesphere.kernel.db.sqlite.connection import Connection, make_engine, restart_wal
from vivesphere.kernel.db.sqlite.readers import Readers
from vivesphere.kernel.db.sqlite.writer import Writer
from vivesphere.kernel.db.work import Hooks, Work
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.services import Health

WAL_BYTES = 64 * 1024 * 1024
"""Above so much the log that SQLite writes ahead is begun anew, as soon as no reader stands in the way."""


class SqliteEngine:
    """Made and closed on the loop."""

    def __init__(self, file: Path, access: CurrentAccess, clock: Clock, hooks: Hooks) -> None:
        self.file = file
        self.hooks = hooks
        loop = asyncio.get_running_loop()
        engine = make_engine(file)
        self.readers = Readers(lambda: Connection(engine, query_only=True), access, hooks, clock.now, loop)
        self.writer = Writer(lambda: Connection(engine), access, hooks, clock.now, loop)

    def read(self, work: Work) -> Awaitable[Any]:
        return self.readers.read(work)

    def write(self, work: Work) -> Awaitable[Any]:
        return self.writer.write(work)

    async def access_changed(self) -> None:
        """Nothing to do: a connection that is lent is held against the policy in force."""

    async def bound_journal(self) -> None:
        with suppress(FileNotFoundError):
            if self.file.with_name(f"{self.file.name}-wal").stat().st_size > WAL_BYTES:
                await asyncio.to_thread(restart_wal, self.file)

    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(
            groups=self.writer.groups,
            units=self.writer.units,
            refused=self.hooks.refused,
            read_connections=self.readers.pool.size,
            queued=self.writer.places.taken,
            waiting=self.writer.places.waiting,
            group_units=self.writer.group_units.told(),
            commit_seconds=self.writer.commit_seconds.told(),
        )

    def health(self) -> Health:
        """Degraded while nothing can be written, such as on a full disk or behind a unit that does not end."""
        trouble = self.writer.trouble or self.writer.held_up()
        if trouble is not None:
            return Health("degraded", trouble)
        waiting = self.writer.places.waiting
        return Health(detail=f"{waiting} callers wait for a place among the units to be written" if waiting else "")

    async def close(self) -> None:
        """The writer is last: it leaves the file without a log beside it."""
        await self.readers.close()
        await self.writer.close()


def stored_access(file: Path) -> tuple[tuple[TableDescription, ...], frozenset[Granted]]:
    """The tables and grants before there is an engine. Raises StartError."""
    engine = make_engine(file)
    try:
        with engine.connect() as connection:
            return known_access(connection)
    except sa.exc.DBAPIError as error:
        raise StartError(
            f"{file} is not a database of ViveSphere ({error.orig}); name another one in VIVESPHERE_DATABASE_URL."
        ) from error
