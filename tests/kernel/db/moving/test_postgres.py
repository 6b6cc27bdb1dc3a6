"""The same with PostgreSQL on one end: there and back again, backups of it, and nothing half-way."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from tests.support.postgres import connect, core, new_database
from tests.support.used_database import add_events, contents, used_database

from vivesphere import tables
from vivesphere.kernel import paths
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.backup.errors import BackupFailed
from vivesphere.kernel.db.backup.making import Wanted, make
from vivesphere.kernel.db.backup.origins import origin_of
from vivesphere.kernel.db.backup.restoring import restore_into_server
from vivesphere.kernel.db.backup.verifying import verify
from vivesphere.kernel.db.checking import check
from vivesphere.kernel.db.location import PostgresPlace, SqlitePlace
from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.postgres_side import PostgresSide
from vivesphere.kernel.db.moving.transfer import Mover
from vivesphere.kernel.db.revising import Reviser, standing
from vivesphere.kernel.db.vacuuming import VacuumFailed, vacuum
from vivesphere.kernel.errors import StartError

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
OWNERS = tables.owners()
KNOWN = migrate.revisions(paths.migrations())
WANTED = Wanted(reason="manual", made_at=NOW, known=KNOWN, release="1.0")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return used_database(tmp_path / "vivesphere.db")


@pytest.fixture
def place() -> Iterator[PostgresPlace]:
    """A database that the migrations made, and nobody has used."""
    with new_database() as place:
        yield place


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    return Mover(OWNERS, tmp_path / "backups", NOW)


def query(place: PostgresPlace, sql: str) -> list[Any]:
    with core(place) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def write(place: PostgresPlace, *statements: str) -> None:
    with core(place) as connection:
        for sql in statements:
            connection.exec_driver_sql(sql)


def rows_of(file: Path) -> Mapping[str, Any]:
    return {name: rows for name, rows in contents(file).items() if name}


def test_a_database_that_nobody_has_used_is_made(file: Path, mover: Mover) -> None:
    with new_database("template0") as place:
        assert standing(place).revision is None
        assert mover.move(SqlitePlace(file), place).tables["event_log"].rows == 99


def test_there_and_back_again(file: Path, place: PostgresPlace, mover: Mover, tmp_path: Path) -> None:
    there = mover.move(SqlitePlace(file), place)
    assert query(place, "SELECT vip, score, boss FROM data_leads ORDER BY id") == [(True, 1.5, "l2"), (False, 1e300, None)]
    back = mover.move(place, SqlitePlace(tmp_path / "back.db"))
    assert there.tables == back.tables
    assert rows_of(tmp_path / "back.db") == rows_of(file)
    assert (there.kept, back.kept) == (None, None)
    assert check(place, OWNERS) == check(SqlitePlace(tmp_path / "back.db"), OWNERS) == []


def test_the_numbers_of_events_go_on_where_they_were(file: Path, place: PostgresPlace, mover: Mover) -> None:
    mover.move(SqlitePlace(file), place)
    assert query(place, "SELECT nextval('event_log_seq_seq')") == [(101,)]


def test_what_arrived_can_be_used_and_changed(file: Path, place: PostgresPlace, mover: Mover) -> None:
    """Keys, also those that go round in a circle, what is unique, and defaults."""
    mover.move(SqlitePlace(file), place)
    write(place, "INSERT INTO data_leads (id) VALUES ('l3')")
    assert query(place, "SELECT version, name, vip FROM data_leads WHERE id = 'l3'") == [(1, "Nobody's", True)]
    for refused in (
        "INSERT INTO data_leads (id) VALUES ('l4')",
        "UPDATE data_leads SET firm = 'nobody'",
        "DELETE FROM data_firms",
    ):
        with pytest.raises(sa.exc.IntegrityError):
            write(place, refused)
    collations = query(
        place,
        "SELECT DISTINCT collation_name FROM information_schema.columns"
        " WHERE starts_with(table_name, 'data_') AND data_type IN ('text', 'character varying')",
    )
    assert collations == [("C",)]


def test_a_database_that_is_used_is_replaced_only_when_told(
    file: Path, place: PostgresPlace, mover: Mover, tmp_path: Path
) -> None:
    mover.move(SqlitePlace(file), place)
    with pytest.raises(MoveFailed, match="--force"):
        mover.move(SqlitePlace(file), place)
    with closing(sqlite3.connect(file)) as connection, connection:
        add_events(connection, range(200, 300))
    moved = mover.move(SqlitePlace(file), place, force=True)
    assert moved.tables["event_log"].rows == 199
    assert moved.kept is not None
    assert verify(tmp_path / "backups" / moved.kept, KNOWN).rows["event_log"] == 99


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE users SET username = 'a' || char(0)", "NUL"),
        ("UPDATE users SET username = printf('%0100d', 1)", "too long"),
        ("UPDATE data_leads SET firm = 'gone'", "violates foreign key"),
        ("UPDATE event_log SET hop = 1 << 40", "out of range"),
    ],
)
def test_what_does_not_fit_leaves_a_target_that_says_so(
    file: Path, place: PostgresPlace, mover: Mover, sql: str, said: str
) -> None:
    """And that can be filled anew, when it has been mended."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)
    with pytest.raises(MoveFailed, match=said):
        mover.move(SqlitePlace(file), place)
    assert query(place, "SELECT count(*) FROM event_log") == [(0,)]
    with pytest.raises(StartError, match="did not finish"):
        migrate.bring_up_to_date(place, owners=OWNERS)
    mended = used_database(file.parent / "mended.db")
    mover.move(SqlitePlace(mended), place)
    migrate.bring_up_to_date(place, owners=OWNERS)


def test_a_failed_copy_leaves_a_used_target_as_it_was(
    file: Path, place: PostgresPlace, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    mover.move(SqlitePlace(file), place)

    def broken(*_arguments: Any) -> None:
        raise psycopg.OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(PostgresSide, "set_numbers", broken)
    with pytest.raises(MoveFailed, match="closed the connection"):
        mover.move(SqlitePlace(file), place, force=True)
    assert query(place, "SELECT count(*) FROM event_log") == [(99,)]
    assert query(place, "SELECT count(*) FROM data_leads") == [(2,)]


def test_while_a_server_uses_it_nothing_is_moved_there(file: Path, place: PostgresPlace, mover: Mover) -> None:
    from vivesphere.kernel.db.moving.opening import writing
    from vivesphere.kernel.db.postgres.server_lock import SERVER_LOCK

    mover.move(SqlitePlace(file), place)
    with connect(place) as server:
        server.execute("SELECT pg_advisory_lock(%s)", (SERVER_LOCK,))
        with pytest.raises(StartError, match="in use"):
            mover.move(SqlitePlace(file), place, force=True)
        with pytest.raises(MoveFailed, match="in use"), writing(place):
            pass
    with pytest.raises(MoveFailed, match="already"):
        mover.move(place, PostgresPlace(place.url.set(password="another")))


def test_a_backup_of_it_is_of_one_moment_and_restores_into_either(
    file: Path, place: PostgresPlace, mover: Mover, tmp_path: Path
) -> None:
    mover.move(SqlitePlace(file), place)

    deleted: list[str] = []

    def meanwhile(what: str, _done: int, _whole: int, /) -> None:
        if what == "copied" and not deleted:
            deleted.append(what)
            write(place, "DELETE FROM event_log")

    made = make(origin_of(place), tmp_path / "backups", WANTED, meanwhile)
    backup = tmp_path / "backups" / made.name
    assert rows_of(backup) == rows_of(file)
    assert query(place, "SELECT count(*) FROM event_log") == [(0,)]
    with pytest.raises(MoveFailed, match="--force"):
        restore_into_server(backup, place, mover, tmp_path / "spare")
    done = restore_into_server(backup, place, mover, tmp_path / "spare", force=True)
    assert (done.rows["event_log"], done.revision, done.kept is None) == (99, KNOWN[-1], False)
    assert query(place, "SELECT count(*) FROM event_log") == [(99,)]
    assert list((tmp_path / "spare").iterdir()) == []


def test_what_cannot_be_read_is_not_restored(place: PostgresPlace, mover: Mover, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="cannot be read"):
        restore_into_server(tmp_path / "none.db", place, mover, tmp_path / "spare")
    (tmp_path / "in the way").touch()
    with pytest.raises(BackupFailed, match="was not restored"):
        restore_into_server(tmp_path / "none.db", place, mover, tmp_path / "in the way")


def test_a_server_that_cannot_be_reached_gives_no_backup(place: PostgresPlace, tmp_path: Path) -> None:
    gone = PostgresPlace(place.url.set(database="gone"))
    with pytest.raises(BackupFailed, match="gone"):
        make(origin_of(gone), tmp_path / "backups", WANTED)
    with pytest.raises(VacuumFailed, match="gone"):
        vacuum(gone)
    with pytest.raises(StartError, match="cannot be read"):
        standing(gone)


@pytest.mark.parametrize("full", [False, True])
def test_room_is_given_back(file: Path, place: PostgresPlace, mover: Mover, full: bool) -> None:
    mover.move(SqlitePlace(used_database(file.parent / "large.db", events=5000)), place)
    write(place, "DELETE FROM event_log WHERE seq > 10")
    done = vacuum(place, full=full)
    assert done.after < done.before
    assert query(place, "SELECT count(*) FROM event_log") == [(10,)]


def test_what_is_wrong_is_told(file: Path, place: PostgresPlace, mover: Mover) -> None:
    mover.move(SqlitePlace(file), place)
    write(
        place,
        "CREATE TABLE found (id INTEGER)",
        "ALTER TABLE users ADD COLUMN shoe_size INTEGER",
        "INSERT INTO bots VALUES ('b1', 'gone', 'x', '!', 1)",
    )
    assert [(fault.check, fault.table) for fault in check(place, OWNERS)] == [
        ("tables", "found"),
        ("schema", "users"),
        ("orphans", "bots"),
    ]


def test_down_and_up_again_on_data(file: Path, place: PostgresPlace, mover: Mover, tmp_path: Path) -> None:
    from tests.kernel.db.test_revising import newer

    mover.move(SqlitePlace(file), place)
    before = mover.move(place, SqlitePlace(tmp_path / "before.db")).tables
    ours = Reviser(place, tmp_path / "backups", OWNERS, newer(tmp_path, "9000", "9001"))
    ours.upgrade()
    assert query(place, "SELECT id, size FROM users") == [("u1", None)]
    down = ours.downgrade(KNOWN[-1])
    assert mover.move(place, SqlitePlace(tmp_path / "after.db")).tables == before
    assert ours.upgrade().after == "9001"
    assert verify(tmp_path / "backups" / str(down.backup), (*KNOWN, "9000", "9001")).revision == "9001"
