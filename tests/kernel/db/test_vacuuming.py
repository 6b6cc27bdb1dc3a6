"""Giving room back: in steps beside a server, or all at once without one."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.used_database import contents, used_database

from vivesphere.kernel.db import vacuuming
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.vacuuming import VacuumFailed, vacuum


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = used_database(tmp_path / "vivesphere.db", events=20_000)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM event_log WHERE seq % 50 > 0")
    return file


@pytest.mark.parametrize(("full", "known"), [(False, None), (True, None), (True, "/somewhere")])
def test_room_is_given_back_and_nothing_else_changes(
    file: Path, monkeypatch: pytest.MonkeyPatch, full: bool, known: str | None
) -> None:
    if known:
        monkeypatch.setenv("SQLITE_TMPDIR", known)
    before = contents(file)
    told: list[tuple[str, int, int]] = []
    done = vacuum(SqlitePlace(file), full=full, progress=lambda *each: told.append(each))
    assert done.after == file.stat().st_size < done.before / 2
    assert contents(file) == before
    assert all(what == "given back" and given <= whole for what, given, whole in told)
    assert bool(told) is not full
    assert os.environ.get("SQLITE_TMPDIR") == known
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_second_time_there_is_nothing_to_give(file: Path) -> None:
    first = vacuum(SqlitePlace(file))
    assert vacuum(SqlitePlace(file)) == vacuuming.Vacuumed(before=first.after, after=first.after)


def test_a_full_one_needs_room_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(VacuumFailed, match="that needs"):
        vacuum(SqlitePlace(file), full=True)


def _gone(file: Path) -> None:
    file.unlink()


def _letter(file: Path) -> None:
    file.write_bytes(b"Dear Ada, " * 1000)


@pytest.mark.parametrize("break_it", [_gone, _letter])
def test_what_is_no_database_is_told(file: Path, break_it: Callable[[Path], None]) -> None:
    break_it(file)
    with pytest.raises(VacuumFailed, match="was not vacuumed"):
        vacuum(SqlitePlace(file))
