"""Making a backup: of one moment, whole before it has a name, while somebody writes."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.used_database import add_events, contents, used_database

from vivesphere.kernel import paths
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.backup import folder as folders
from vivesphere.kernel.db.backup import making, sealing
from vivesphere.kernel.db.backup.backups import Backups
from vivesphere.kernel.db.backup.durable import discard_all
from vivesphere.kernel.db.backup.errors import BackupDamaged, BackupFailed, BackupUnknown, PassphraseWrong
from vivesphere.kernel.db.backup.making import Wanted, make
from vivesphere.kernel.db.backup.origins import SqliteOrigin, origin_of
from vivesphere.kernel.db.location import SqlitePlace

KNOWN = migrate.revisions(paths.migrations())
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"
WANTED = Wanted(reason="manual", made_at=NOW, known=KNOWN, release="1.0")
SEALED = msgspec.structs.replace(WANTED, passphrase=PASSPHRASE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return used_database(tmp_path / "vivesphere.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def test_a_backup_holds_what_the_database_holds(file: Path, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    made = make(SqliteOrigin(file), folder, WANTED, lambda *each: told.append(each))
    assert made.name == f"vivesphere-{KNOWN[-1]}-manual-20260105T120000000000Z.db"
    assert (made.made_at, made.encrypted, made.verified, made.reason) == (NOW, False, True, "manual")
    assert contents(folder / made.name) == contents(file)
    assert [each.name for each in folder.iterdir()] == [made.name]
    assert (folder / made.name).stat().st_mode & 0o077 == folder.stat().st_mode & 0o077 == 0
    assert {what for what, *_ in told} == {"copied", "verified"}
    assert all(done <= whole for _, done, whole in told)


def test_a_sealed_backup_holds_the_same(file: Path, folder: Path, tmp_path: Path) -> None:
    made = make(origin_of(SqlitePlace(file)), folder, SEALED)
    assert (made.encrypted, made.name.endswith(".sealed")) == (True, True)
    manifest = sealing.unseal(folder / made.name, tmp_path / "opened", PASSPHRASE)
    assert contents(tmp_path / "opened") == contents(file)
    assert (manifest.rows["event_log"], manifest.revision, manifest.database) == (99, KNOWN[-1], "sqlite")
    assert [each.name for each in folder.iterdir()] == [made.name]
    assert PASSPHRASE not in repr(SEALED)


def test_it_is_of_one_moment_however_much_is_written_meanwhile(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each page another process commits; a backup without a snapshot would begin anew each time, and never end."""
    monkeypatch.setattr("vivesphere.kernel.db.backup.origins.STEP", 1)
    before = contents(file)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as writer:
        written = iter(range(1000, 100_000))

        def commit(what: str, _done: int, _whole: int) -> None:
            if what == "copied":
                add_events(writer, [next(written)])

        made = make(SqliteOrigin(file), folder, WANTED, commit)
        assert next(written) > 1020
    assert contents(folder / made.name) == before


def test_two_of_the_same_moment_have_two_names(file: Path, folder: Path) -> None:
    first, second = (make(SqliteOrigin(file), folder, WANTED) for _ in range(2))
    assert [each.name for each in folders.backups_in(folder)] == [second.name, first.name]


def damage(file: Path) -> None:
    """The free bytes of a page that holds rows, and what they say of themselves."""
    with file.open("r+b") as opened:
        opened.seek(4096 * 20)
        opened.write(b"\xff" * 4096 * 20)


def test_a_damaged_database_gives_no_backup(file: Path, folder: Path) -> None:
    damage(file)
    with pytest.raises(BackupDamaged, match=r"damaged|cannot be read"):
        make(SqliteOrigin(file), folder, WANTED)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "has the schema 9999"),
        ("DELETE FROM alembic_version", "has the schema none"),
        ("DROP TABLE table_metadata", "no such table"),
        ("DROP TABLE kept_replies", "a table kept_replies that is not in it"),
        ("DELETE FROM data_firms", "rows of data_leads without the rows of data_firms"),
    ],
)
def test_what_does_not_hold_together_gives_no_backup(file: Path, folder: Path, sql: str, said: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)
    with pytest.raises(BackupDamaged, match=said):
        make(SqliteOrigin(file), folder, WANTED)
    assert list(folder.iterdir()) == []


def test_without_room_nothing_is_begun(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(BackupFailed, match="make room"):
        make(SqliteOrigin(file), folder, SEALED)
    assert list(folder.iterdir()) == []


def test_what_the_system_refuses_is_told(file: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="Not a directory"):
        make(SqliteOrigin(file), file / "backups", WANTED)
    with pytest.raises(BackupFailed, match="unable to open"):
        make(SqliteOrigin(tmp_path / "none.db"), tmp_path / "backups", WANTED)


def test_a_short_passphrase_is_refused_before_anything_is_done(file: Path, folder: Path) -> None:
    with pytest.raises(PassphraseWrong):
        make(SqliteOrigin(file), folder, msgspec.structs.replace(WANTED, passphrase="short"))
    assert not folder.exists()


def test_a_backup_that_somebody_takes_away_at_once_is_a_failure(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "described", lambda _: None)
    with pytest.raises(BackupFailed, match="somebody else"):
        make(SqliteOrigin(file), folder, WANTED)


def test_the_list_knows_ours_from_others_and_whole_from_cut(file: Path, folder: Path) -> None:
    plain, sealed = make(SqliteOrigin(file), folder, WANTED), make(SqliteOrigin(file), folder, SEALED)
    for name in ("letter.txt", "vivesphere-notes.db", "vivesphere-0001-manual-20261399T120000000000Z.db"):
        (folder / name).write_bytes(b"x")
    assert [each.name for each in folders.backups_in(folder)] == [sealed.name, plain.name]
    for each in (plain, sealed):
        (folder / each.name).write_bytes((folder / each.name).read_bytes()[:-1])
    assert [each.verified for each in folders.backups_in(folder)] == [False, False]
    assert folders.backups_in(folder / "none") == []
    assert folders.described(folder / "vivesphere-0001-manual-20261205T120000000000Z.db") is None


@pytest.mark.parametrize(
    "name", ["", "..", "../vivesphere.db", "/etc/passwd", "vivesphere-0001-manual-20260105T120000000000Z.db\n"]
)
def test_only_plain_names_of_backups_are_found(file: Path, folder: Path, name: str) -> None:
    make(SqliteOrigin(file), folder, WANTED)
    with pytest.raises(BackupUnknown):
        folders.find(folder, name)


def test_the_oldest_of_a_reason_go(file: Path, folder: Path) -> None:
    scheduled = msgspec.structs.replace(WANTED, reason="scheduled")
    manual = make(SqliteOrigin(file), folder, WANTED)
    made = [make(SqliteOrigin(file), folder, scheduled).name for _ in range(4)]
    assert folders.prune(folder, "scheduled", 2) == (made[1], made[0])
    assert [each.name for each in folders.backups_in(folder)] == [made[3], made[2], manual.name]


def test_leftovers_of_a_killed_process_are_removed(file: Path, folder: Path) -> None:
    made = make(SqliteOrigin(file), folder, WANTED)
    for name in (".vivesphere-0011.partial", ".vivesphere-0011.partial-journal", ".somebodys.partial"):
        (folder / name).write_bytes(b"half")
    discard_all(folder)
    assert sorted(each.name for each in folder.iterdir()) == [".somebodys.partial", made.name]


async def test_whoever_is_cancelled_leaves_nothing_and_the_next_one_is_made(file: Path, folder: Path) -> None:
    backups = Backups(SqliteOrigin(file), folder, KNOWN, FakeClock())
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    go_on = threading.Event()

    def tell(*_: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(30)

    making_one = asyncio.create_task(backups.create("manual", progress=tell))
    await begun.wait()
    making_one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making_one
    go_on.set()
    made = await backups.create("manual")
    (folder.parent / ".vivesphere-00.partial").touch()
    await backups.tidy(folder.parent)
    assert not list(folder.parent.glob("**/*.partial"))
    assert await backups.all() == [made]
    assert await backups.find(made.name) == folder / made.name
    await backups.delete(made.name)
    assert await backups.prune("manual", 1) == ()
