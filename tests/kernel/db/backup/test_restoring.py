"""Restoring: nothing is replaced before all of the backup was looked at, and what was there is kept."""

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.used_database import contents, used_database

from vivesphere.kernel import paths
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.backup import sealing
from vivesphere.kernel.db.backup.errors import BackupDamaged, BackupFailed, PassphraseNeeded, PassphraseWrong
from vivesphere.kernel.db.backup.making import Wanted, make
from vivesphere.kernel.db.backup.origins import SqliteOrigin
from vivesphere.kernel.db.backup.restoring import Restored, restore
from vivesphere.kernel.db.location import SqlitePlace

KNOWN = migrate.revisions(paths.migrations())
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"
KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("DELETE FROM users")
connection.commit()
os._exit(0)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return used_database(tmp_path / "vivesphere.db")


def backup_of(file: Path, passphrase: str | None = None) -> Path:
    folder = file.parent / "backups"
    wanted = Wanted(reason="manual", made_at=NOW, known=KNOWN, release="1.0", passphrase=passphrase)
    return folder / make(SqliteOrigin(file), folder, wanted).name


def restored(backup: Path, file: Path, **options: Any) -> Restored:
    return restore(backup, SqlitePlace(file), paths.migrations(), now=NOW, **options)


def write(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)


def log_name(file: Path) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT value FROM installation WHERE key = 'event_log_id'").fetchall()


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_restored_database_holds_what_the_backup_held(file: Path, passphrase: str | None) -> None:
    before = contents(file)
    backup = backup_of(file, passphrase)
    write(file, "DELETE FROM users")
    changed = contents(file)
    found = restored(backup, file, passphrase=passphrase, force=True)
    assert contents(file) == before
    assert found.kept == f"{file}.replaced-20260105T120000000000Z"
    assert contents(Path(found.kept)) == changed
    assert (found.revision, found.rows["event_log"]) == (KNOWN[-1], 99)
    assert sorted(each.name for each in file.parent.iterdir()) == ["backups", file.name, Path(found.kept).name]


def test_where_nothing_is_nothing_is_kept(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "vivesphere.db"
    assert restored(backup_of(file), target).kept is None
    assert contents(target) == contents(file)
    assert target.stat().st_mode & 0o077 == 0


def test_the_log_of_events_has_another_name_afterwards(file: Path) -> None:
    """Its places are given anew: whoever knows one given since the backup must not be sent something else from there on."""
    write(file, "INSERT INTO installation VALUES ('event_log_id', '\"0011aabb\"')")
    restored(backup_of(file), file, force=True)
    ((name,),) = log_name(file)
    assert len(msgspec.json.decode(name)) == 8
    assert name != '"0011aabb"'


def test_nothing_is_overwritten_without_being_told_to(file: Path) -> None:
    backup = backup_of(file)
    write(file, "DELETE FROM users")
    before = contents(file)
    with pytest.raises(BackupFailed, match="--force"):
        restored(backup, file)
    assert contents(file) == before


def check_untouched(backup: Path, file: Path, error: type[Exception], said: str, **options: Any) -> None:
    before = contents(file)
    with pytest.raises(error, match=said):
        restored(backup, file, force=True, **options)
    assert contents(file) == before
    assert sorted(each.name for each in file.parent.iterdir()) == ["backups", file.name]


def test_a_damaged_backup_replaces_nothing(file: Path) -> None:
    backup = backup_of(file)
    backup.write_bytes(backup.read_bytes()[:-4096])
    check_untouched(backup, file, BackupDamaged, backup.name)


def test_a_sealed_backup_needs_its_passphrase(file: Path) -> None:
    backup = backup_of(file, PASSPHRASE)
    check_untouched(backup, file, PassphraseNeeded, "give its passphrase")
    check_untouched(backup, file, PassphraseWrong, "does not open", passphrase="another passphrase")


def test_a_sealed_backup_that_lies_about_itself_replaces_nothing(file: Path, tmp_path: Path) -> None:
    """Whoever knows the passphrase can seal anything: what it says is held against what is inside."""
    plain = backup_of(file)
    said = sealing.Manifest(revision=KNOWN[-1], made_at=NOW, database="sqlite", release="1.0", rows={"users": 7})
    sealed = file.parent / "backups" / "sealed"
    sealing.seal(plain, sealed, PASSPHRASE, said)
    check_untouched(sealed, file, BackupDamaged, "does not hold what it says", passphrase=PASSPHRASE)


def test_what_is_no_backup_replaces_nothing(file: Path) -> None:
    letter = file.parent / "backups"
    letter.mkdir()
    check_untouched(letter, file, BackupFailed, "Is a directory")
    (letter / "letter").write_text("Dear Ada, " * 1000)
    check_untouched(letter / "letter", file, BackupDamaged, "cannot be read as a backup")


def test_a_full_disk_replaces_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    backup = backup_of(file)
    monkeypatch.setattr("shutil.copyfile", full)
    check_untouched(backup, file, BackupFailed, "No space left")


def test_what_only_the_log_holds_is_kept_with_the_old_database(file: Path) -> None:
    """A server that was killed leaves rows that only SQLite's log has."""
    backup = backup_of(file)
    subprocess.run([sys.executable, "-c", KILLED, file], check=True)  # noqa: S603 - our own interpreter and program
    assert file.with_name(f"{file.name}-wal").stat().st_size > 0
    kept = restored(backup, file, force=True).kept
    assert kept is not None
    assert contents(Path(kept))["users"] == []
    assert len(contents(file)["users"]) == 1
    assert not file.with_name(f"{file.name}-wal").exists()


def test_a_database_that_is_open_elsewhere_is_not_replaced(file: Path) -> None:
    """Its log would be taken for the new one's."""
    backup = backup_of(file)
    with closing(sqlite3.connect(file)) as somebody:
        assert somebody.execute("SELECT count(*) FROM users").fetchone() == (1,)
        before = contents(file)
        with pytest.raises(BackupFailed, match="open in another program"):
            restored(backup, file, force=True)
        assert contents(file) == before


def test_a_damaged_database_is_kept_with_its_log_and_replaced(file: Path) -> None:
    backup, before = backup_of(file), contents(file)
    file.write_bytes(b"no database at all" * 1000)
    log = file.with_name(f"{file.name}-wal")
    log.write_bytes(b"its log")
    kept = restored(backup, file, force=True).kept
    assert kept is not None
    assert Path(kept).read_bytes().startswith(b"no database at all")
    assert Path(f"{kept}-wal").read_bytes() == b"its log"
    assert not log.exists()
    assert contents(file) == before


def test_a_database_that_only_begins_like_one_is_kept_and_replaced(file: Path) -> None:
    backup, before = backup_of(file), contents(file)
    file.write_bytes(b"SQLite format 3\0" + b"x" * 10_000)
    kept = restored(backup, file, force=True).kept
    assert kept is not None
    assert Path(kept).stat().st_size == 10_016
    assert contents(file) == before


def test_where_there_are_no_hard_links_the_old_database_is_copied(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_arguments: Any) -> None:
        raise OSError(errno.EPERM, "not on this file system")

    monkeypatch.setattr(os, "link", no_links)
    before = contents(file)
    kept = restored(backup_of(file), file, force=True).kept
    assert kept is not None
    assert contents(Path(kept)) == contents(file) == before
