"""Tables of people and plugins as the host makes them (`ddl.py`): what moves goes on counting and dating on the other side."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.clock import FakeClock
from tests.support.postgres import new_database

from vivesphere import tables
from vivesphere.kernel import principals
from vivesphere.kernel.db import ddl, migrate
from vivesphere.kernel.db.access import KEEPER, TableDescription
from vivesphere.kernel.db.definition import Column, TableDefinition, completed
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.location import Place, SqlitePlace
from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.opening import writing
from vivesphere.kernel.db.moving.transfer import Mover
from vivesphere.kernel.principals import SYSTEM

OWNERS = tables.owners()
QUOTES = principals.plugin("quotes")

leads = TableDescription(name="data_leads", access_level="user", owner=KEEPER, is_system=False, project="default")
items = TableDescription(name="ext_quotes__items", access_level="protected", owner=QUOTES, is_system=False)


def _make(tx: Unit) -> None:
    ddl.create(tx, leads, completed(leads.name, TableDefinition(columns=(Column(name="name", type="text"),))))
    ddl.create(tx, items, completed(items.name, TableDefinition(columns=(Column(name="body", type="text"),))), "rows")


def _write(tx: Unit) -> None:
    tx.execute(sa.text("INSERT INTO data_leads (name) VALUES ('Ada')"))
    tx.execute(sa.text("INSERT INTO ext_quotes__items (body) VALUES ('one')"))


def _found(tx: Unit) -> tuple[list[int], list[int], int]:
    ids = tx.execute(sa.text("SELECT id FROM ext_quotes__items ORDER BY id")).scalars().all()
    versions = tx.execute(sa.text("SELECT version FROM data_leads")).scalars().all()
    dated = tx.execute(
        sa.text("SELECT count(DISTINCT id) FROM data_leads WHERE created_at > 0 AND length(id) = 36")
    ).scalar_one()
    return list(ids), list(versions), dated


async def _use(place: Place, *, make: bool = False) -> tuple[list[int], list[int], int]:
    """Write one more row to each table, in SQL that leaves to the database what it gives; what stands there then."""
    database = await Database.open(place, clock=FakeClock())
    try:
        if make:
            await database.handle(SYSTEM).write(_make)
            await database.refresh_access()
        await database.handle(SYSTEM).write(_write)
        return await database.handle(SYSTEM).read(_found)
    finally:
        await database.close()


async def test_what_moved_there_and_back_goes_on_where_it_was(tmp_path: Path) -> None:
    file, back = SqlitePlace(tmp_path / "vivesphere.db"), SqlitePlace(tmp_path / "back.db")
    mover = Mover(OWNERS, tmp_path / "backups", datetime(2026, 1, 5, tzinfo=UTC))
    migrate.bring_up_to_date(file, owners=OWNERS)
    assert await _use(file, make=True) == ([1], [1], 1)
    with new_database() as place:
        mover.move(file, place)
        assert await _use(place) == ([1, 2], [1, 1], 2)
        mover.move(place, back)
    assert await _use(back) == ([1, 2, 3], [1, 1, 1], 3)


def test_what_was_never_filled_is_no_place_to_move_from(tmp_path: Path) -> None:
    mover = Mover(OWNERS, tmp_path / "backups", datetime(2026, 1, 5, tzinfo=UTC))
    with new_database() as place:
        with writing(place) as side:
            migrate.mark_unfinished(side.connection)
        with pytest.raises(MoveFailed, match="did not finish"):
            mover.move(place, SqlitePlace(tmp_path / "target.db"))
