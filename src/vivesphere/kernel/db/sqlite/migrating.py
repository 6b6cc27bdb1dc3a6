"""A file of SQLite as migrations see it: made, locked and looked at."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.sqlite.connection import BUSY_SECONDS
from vivesphere.kernel.errors import StartError


class SqliteGround:
    """Whatever ends the process while it is migrated, the file is as before or as after."""

    driver_error = sqlite3.Error

    def __init__(self, place: SqlitePlace) -> None:
        self._file = place.file

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine("sqlite+pysqlite://", creator=lambda: _connect(self._file), poolclass=NullPool)
        # SQLAlchemy begins nothing on such a connection by itself, and SQLite's DDL is transactional only if somebody does.
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with engine.begin() as connection:
            yield connection

    @contextmanager
    def looking(self) -> Iterator[sa.Connection | None]:
        if not self._file.exists():
            yield None
            return
        engine = sa.create_engine("sqlite+pysqlite://", creator=lambda: _connect_to_look(self._file), poolclass=NullPool)
        with engine.connect() as connection:
            yield connection

    def warning(self, connection: sa.Connection) -> None:
        """There is nothing that a file would keep from us."""

    def check(self, connection: sa.Connection) -> None:
        if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            raise StartError(f"The migration would leave {len(broken)} rows of {broken[0][0]} without what they refer to.")


def _connect(file: Path) -> sqlite3.Connection:
    """Foreign keys are off: recreating a table, SQLite's way to change one, would otherwise delete what refers to it."""
    raw = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        if raw.execute("PRAGMA page_count").fetchone() == (0,):
            # It has an effect only while the file is empty, and before the log is.
            raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        raw.close()
        raise
    return raw


def _connect_to_look(file: Path) -> sqlite3.Connection:
    # Without a log beside it nobody has it open, and only such a file can be read without making one.
    alone = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{file.as_uri()}?mode=ro{alone}", uri=True, timeout=BUSY_SECONDS)
