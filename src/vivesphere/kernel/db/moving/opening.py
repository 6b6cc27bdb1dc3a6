"""Opens a database as one end of a copy: to be read as it is at one moment, or to be written as a whole or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from vivesphere.kernel.db.location import Place, PostgresPlace, SqlitePlace
from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.sides import Side
from vivesphere.kernel.db.moving.sqlite_side import SqliteSide

if TYPE_CHECKING:
    from vivesphere.kernel.db.moving.postgres_side import PostgresSide

PATIENCE = 24 * 3600.0
"""Seconds that one statement may take: a whole table is one."""


@contextmanager
def reading(place: Place) -> Iterator[Side]:
    """One snapshot, from which nothing is written."""
    if isinstance(place, SqlitePlace):
        with _sqlite(place.file, "PRAGMA query_only=ON") as side:
            yield side
    else:
        with _postgres(place, isolation_level="REPEATABLE READ", postgresql_readonly=True) as side:
            yield side


@contextmanager
def writing(place: PostgresPlace) -> Iterator["PostgresSide"]:
    """One transaction: whatever is raised inside, and whatever ends the process, leaves the database as it was.

    Raises MoveFailed while a server uses the database.
    """
    from vivesphere.kernel.db.postgres.server_lock import SERVER_LOCK  # noqa: PLC0415 - psycopg is heavy, and seldom needed

    with _postgres(place, isolation_level="READ COMMITTED") as side:
        taken = side.connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(SERVER_LOCK))).scalar_one()
        if not taken:
            raise MoveFailed(f"{place} is in use by a server; stop that one first.")
        yield side


@contextmanager
def writing_new(file: Path) -> Iterator[SqliteSide]:
    """A file that has no name yet, and that is worth nothing unless the block ends well: so nothing is written twice."""
    settings = ("auto_vacuum=INCREMENTAL", "journal_mode=OFF", "synchronous=OFF", "cache_size=-65536")
    with _sqlite(file, *(f"PRAGMA {each}" for each in settings)) as side:
        yield side
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA journal_mode=WAL")


@contextmanager
def _sqlite(file: Path, *pragmas: str) -> Iterator[SqliteSide]:
    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
        for pragma in pragmas:
            raw.execute(pragma)
        return raw

    engine = sa.create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        yield SqliteSide(connection)


@contextmanager
def _postgres(place: PostgresPlace, **options: str | bool) -> Iterator["PostgresSide"]:
    from vivesphere.kernel.db.moving.postgres_side import PostgresSide  # noqa: PLC0415 - psycopg is heavy, and seldom needed

    with connected(place, **options) as connection, connection.begin():
        yield PostgresSide(connection)


@contextmanager
def connected(place: PostgresPlace, **options: str | bool) -> Iterator[sa.Connection]:
    """A connection of its own to a PostgreSQL database, in our schema, with SQLAlchemy's execution options."""
    from vivesphere.kernel.db.postgres.opening import core_engine  # noqa: PLC0415 - as above

    with core_engine(place, patience=PATIENCE).execution_options(**options).connect() as connection:
        yield connection


def bytes_of(connection: sa.Connection) -> int:
    """What the tables of a PostgreSQL database take, with their indexes."""
    return int(connection.exec_driver_sql(_SIZE).scalar_one())


_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind = 'r'
"""
