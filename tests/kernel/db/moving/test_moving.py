"""Moving everything to another database: the same rows there, proved, or nothing of it."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.used_database import contents, used_database

from vivesphere import tables
from vivesphere.kernel.db.backup.durable import unfinished
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.migrate import bring_up_to_date
from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.mover import copy_all
from vivesphere.kernel.db.moving.new_file import copy_to_new_file
from vivesphere.kernel.db.moving.opening import reading, writing_new
from vivesphere.kernel.db.moving.proof import Tally
from vivesphere.kernel.db.moving.sqlite_side import SqliteSide
from vivesphere.kernel.db.moving.transfer import Mover
from vivesphere.kernel.paths import migrations

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
OWNERS = tables.owners()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return used_database(tmp_path / "vivesphere.db")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "target.db"


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    return Mover(OWNERS, tmp_path / "backups", NOW)


def write(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)


def rows_of(file: Path) -> Mapping[str, Any]:
    """Every table's rows, without how the tables are written down."""
    return {name: rows for name, rows in contents(file).items() if name}


def test_everything_arrives(file: Path, target: Path, mover: Mover) -> None:
    before = contents(file)
    told: list[tuple[str, int, int]] = []
    moved = mover.move(SqlitePlace(file), SqlitePlace(target), progress=lambda *each: told.append(each))
    assert contents(target) == contents(file) == before
    assert (moved.kept, moved.tables["event_log"].rows, moved.tables["data_leads"].rows) == (None, 99, 2)
    assert moved.rows == sum(proof.rows for proof in moved.tables.values())
    assert {what for what, *_ in told} == {"copied", "proved", "verified"}
    assert [each.name for each in target.parent.iterdir()] == [target.name]
    assert target.stat().st_mode & 0o077 == 0


def test_the_numbers_of_events_go_on_where_they_were(file: Path, target: Path, mover: Mover) -> None:
    """Also that of an event that is gone."""
    mover.move(SqlitePlace(file), SqlitePlace(target))
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT seq FROM sqlite_sequence").fetchall() == [(100,)]


def test_what_arrived_can_be_used_and_changed(file: Path, target: Path, mover: Mover) -> None:
    """A column with a key in it can be dropped again, defaults hold, and what is unique stays so."""
    mover.move(SqlitePlace(file), SqlitePlace(target))
    bring_up_to_date(SqlitePlace(target), owners=OWNERS)
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("INSERT INTO data_leads (id) VALUES ('l3')")
        assert connection.execute("SELECT version, name, vip FROM data_leads WHERE id = 'l3'").fetchall() == [
            (1, "Nobody's", 1)
        ]
        for refused in ("INSERT INTO data_leads (id) VALUES ('l4')", "UPDATE data_leads SET name = 'x', boss = 'nobody'"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(refused)
        connection.execute("ALTER TABLE data_leads DROP COLUMN boss")


def test_an_installation_without_tables_of_others_is_moved_too(target: Path, tmp_path: Path, mover: Mover) -> None:
    file = tmp_path / "new.db"
    bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    assert mover.move(SqlitePlace(file), SqlitePlace(target)).rows == len(OWNERS)


def test_a_file_is_replaced_only_when_told_and_kept(file: Path, target: Path, tmp_path: Path, mover: Mover) -> None:
    target.parent.mkdir()
    before = contents(used_database(target, events=3))
    with pytest.raises(MoveFailed, match="--force"):
        mover.move(SqlitePlace(file), SqlitePlace(target))
    assert contents(target) == before
    kept = mover.move(SqlitePlace(file), SqlitePlace(target), force=True).kept
    assert kept == f"{target}.replaced-20260105T120000000000Z"
    assert contents(Path(kept)) == before
    assert contents(target) == contents(file)


def test_a_file_that_is_filled_keeps_nothing_of_what_it_held(file: Path, tmp_path: Path) -> None:
    other = used_database(tmp_path / "other.db", events=500)
    write(other, "CREATE TABLE ext_gone__items (id INTEGER)")
    with reading(SqlitePlace(file)) as source, writing_new(other) as filled:
        copy_all(source, filled)
    assert contents(other) == contents(file)


def _nothing(file: Path) -> None:
    file.unlink()


def _empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(("change", "said"), [(_nothing, "not there yet"), (_empty, "not there yet")])
def test_what_is_not_there_is_not_moved(
    file: Path, target: Path, mover: Mover, change: Callable[[Path], None], said: str
) -> None:
    change(file)
    with pytest.raises(MoveFailed, match=said):
        mover.move(SqlitePlace(file), SqlitePlace(target))
    assert not target.exists()


def test_it_is_not_moved_onto_itself(file: Path, mover: Mover) -> None:
    with pytest.raises(MoveFailed, match="already"):
        mover.move(SqlitePlace(file), SqlitePlace(file.parent / "elsewhere" / ".." / file.name), force=True)


def test_one_that_waits_for_migrations_is_brought_up_first(file: Path, target: Path, tmp_path: Path, newer: Path) -> None:
    with pytest.raises(MoveFailed, match="db upgrade"):
        Mover(OWNERS, tmp_path / "backups", NOW, newer).move(SqlitePlace(file), SqlitePlace(target))


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations, and one more."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").touch()
    for script in (migrations() / "versions").glob("*.py"):
        (folder / "versions" / script.name).write_text(script.read_text())
    more = 'revision = "9000"\ndown_revision = "0001"\n\n\ndef upgrade() -> None:\n    pass\n'
    (folder / "versions" / "9000_more.py").write_text(more)
    return folder


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE data_leads SET firm = 'gone' WHERE id = 'l1'", "data_leads refer to rows of data_firms"),
        ("DELETE FROM plan_versions", None),
        ("UPDATE users SET username = CAST(x'ff' AS TEXT)", "could not be copied"),
        ("CREATE TABLE stranger (id INTEGER)", "stranger is not the same"),
        ("ALTER TABLE users ADD COLUMN shoe_size INTEGER", "users is not the same"),
        ("DROP TABLE kept_replies", "kept_replies"),
    ],
)
def test_what_cannot_arrive_whole_does_not_arrive_at_all(
    file: Path, target: Path, mover: Mover, sql: str, said: str | None
) -> None:
    write(file, sql)
    before = contents_or_none(file)
    if said is None:
        mover.move(SqlitePlace(file), SqlitePlace(target))
        return
    with pytest.raises(MoveFailed, match=said):
        mover.move(SqlitePlace(file), SqlitePlace(target))
    assert list(target.parent.iterdir()) == []
    assert contents_or_none(file) == before


def contents_or_none(file: Path) -> Mapping[str, Any] | None:
    try:
        return contents(file)
    except sqlite3.OperationalError:
        return None


@pytest.mark.parametrize("loss", ["row", "value"])
def test_a_row_that_is_lost_or_changed_on_the_way_is_noticed(
    file: Path, target: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    honest = SqliteSide.load

    def forgetful(self: SqliteSide, shape: Any, batches: Iterator[Sequence[Any]]) -> None:
        def fewer(batch: Sequence[Any]) -> Sequence[Any]:
            return batch[1:] if loss == "row" else [(*batch[0][:-1], b"\0\1\3"), *batch[1:]]

        honest(self, shape, map(fewer, batches) if shape.name == "data_firms" else batches)

    write(file, "UPDATE data_leads SET firm = NULL")
    monkeypatch.setattr(SqliteSide, "load", forgetful)
    with pytest.raises(MoveFailed, match="data_firms did not arrive as it was"):
        mover.move(SqlitePlace(file), SqlitePlace(target))
    assert list(target.parent.iterdir()) == []


def test_a_file_that_is_no_installation_is_not_copied(tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    for sql in ("CREATE TABLE letters (id INTEGER)", "CREATE TABLE alembic_version (version_num TEXT)"):
        write(file, sql)
        with pytest.raises(MoveFailed, match="no database of ViveSphere"):
            copy_to_new_file(SqlitePlace(file), unfinished(tmp_path), migrations())


def test_the_order_of_rows_proves_nothing_and_everything_else_does() -> None:
    def proof(*rows: tuple[Any, ...], booleans: tuple[int, ...] = ()) -> Any:
        tally = Tally(booleans)
        tally.add(list(rows))
        return tally.proof()

    one, two = (1, "a", None, 1.5, b"x"), (2, "b", None, 2.0, b"")
    assert proof(one, two) == proof(two, one)
    assert proof(one, one, two).digest != proof(one, two, two).digest
    assert proof() != proof(())
    for other in ((1, "a", 0, 1.5, b"x"), (1, "A", None, 1.5, b"x"), (1, "a", None, 1.25, b"x"), (1, "a", None, 1.5, "x")):
        assert proof(one) != proof(other)
    assert proof((True, None), booleans=(0, 1)) == proof((1, None), booleans=(0, 1)) == proof((1, None))
