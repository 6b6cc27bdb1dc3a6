"""A real database file for the tests of one part: the tables are made from the models, the rest is as in the server."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from tests.support import engines
from tests.support.clock import FakeClock

from vivesphere.kernel import principals
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db import models as kernel_models
from vivesphere.kernel.db.access import USER_PREFIX, AccessLevel, TableDescription
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.db.location import Place, SqlitePlace
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.sqlite.connection import make_engine
from vivesphere.kernel.db.table_records import columns_of, describe_core, register
from vivesphere.kernel.principals import SYSTEM, Principal

_KERNEL = tuple(mapper.class_ for mapper in Model.registry.mappers if mapper.class_.__module__ == kernel_models.__name__)


@asynccontextmanager
async def open_database(
    tmp_path: Path,
    *,
    models: Sequence[type[Model]] | None = None,
    extra: Mapping[sa.Table, Principal] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Database]:
    """The kernel's tables and those of `models`; without `models`, of every module that has any.

    `extra` are tables of the test's own, on a metadata of their own, with their owner: a plugin's are `protected`, and what
    begins with `data_` is a `user` table of the project its `info` names.
    """
    clock = clock or FakeClock()
    owners = _owners(models)
    place = await asyncio.to_thread(_prepared, tmp_path, owners, extra or {}, clock.now())
    database = await Database.open(place, clock=_Undisturbed(clock))
    try:
        yield database
    finally:
        await database.close()


class _Undisturbed:
    """The test's clock, as the database has it. PostgreSQL's engine sleeps between its looks at itself: on no clock here, so
    that who waits until somebody sleeps on the test's waits for the part that is tested."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self.timestamp = clock.timestamp
        self.monotonic = clock.monotonic

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


def place_of(tmp_path: Path) -> Place:
    """Where `open_database` has put the present test's database, to open it once more."""
    if engines.current() == "postgres":
        from tests.support import postgres  # most tests need no server

        return postgres.own_database()
    return SqlitePlace(tmp_path / "vivesphere.db")


def _prepared(tmp_path: Path, owners: Mapping[str, Principal], extra: Mapping[sa.Table, Principal], now: datetime) -> Place:
    if engines.current() == "postgres":
        from tests.support import postgres  # most tests need no server

        place = postgres.emptied_database()
        with postgres.core(place) as connection:
            add_tables(connection, owners, extra, now)
        return place
    file = tmp_path / "vivesphere.db"
    raw = sqlite3.connect(file)
    raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
    raw.execute("PRAGMA journal_mode=WAL")
    raw.close()
    with make_engine(file).begin() as connection:
        Model.metadata.create_all(connection, tables=[Model.metadata.tables[name] for name in owners])
        add_tables(connection, owners, extra, now)
    return SqlitePlace(file)


def add_tables(
    connection: sa.Connection, owners: Mapping[str, Principal], extra: Mapping[sa.Table, Principal], now: datetime
) -> None:
    """Make tables of the test's own, with their owner, in a database that has the core's tables, whose owners are `owners`."""
    for table in extra:
        table.create(connection)
    wanted = (*describe_core(Model.metadata, owners), *(_own(table, owner) for table, owner in extra.items()))
    register(connection, wanted, now)


def _owners(models: Sequence[type[Model]] | None) -> dict[str, Principal]:
    if models is None:
        from vivesphere import tables  # imports every module; a test of one module must not need the others

        return dict(tables.owners())
    return {model.__tablename__: SYSTEM for model in _KERNEL} | {model.__tablename__: _owner(model) for model in models}


def _owner(model: type[Model]) -> Principal:
    parts = model.__module__.split(".")
    return principals.module(parts[2]) if parts[:2] == ["vivesphere", "modules"] else SYSTEM


def _own(table: sa.Table, owner: Principal) -> TableDescription:
    level: AccessLevel = "protected" if principals.kind(owner) == "plugin" else "locked"
    if table.name.startswith(USER_PREFIX):
        level = "user"
    return TableDescription(
        name=str(table.name),
        access_level=level,
        owner=owner,
        is_system=False,
        columns=columns_of(table),
        project=table.info.get("project"),
    )
