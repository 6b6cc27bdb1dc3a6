"""`vivesphere db vacuum`: gives the room of what was deleted back to the disk."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.backup.making import mebibytes, reason_of
from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.location import Place, PostgresPlace, SqlitePlace

STEP = 256
"""Pages given back in one transaction: a server's writer waits no longer than that takes."""

PATIENCE = 5.0


class VacuumFailed(DatabaseError):
    """The message is a sentence. Nothing is lost."""


class Vacuumed(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on the disk, before and after."""

    before: int
    after: int


def vacuum(place: Place, *, full: bool = False, progress: Progress = untold) -> Vacuumed:
    """Give back what is empty, which may go on beside a running server; or, `full`, write everything anew, which may not.

    Raises VacuumFailed if there is too little room, or the database cannot be written.
    """
    try:
        if isinstance(place, SqlitePlace):
            return _rewrite(place.file) if full else _give_back(place.file, progress)
        return _vacuum_server(place, full=full)
    except (sqlite3.Error, sa.exc.DBAPIError, OSError) as error:
        raise VacuumFailed(f"{place} was not vacuumed: {reason_of(error)}.") from error


def _give_back(file: Path, progress: Progress) -> Vacuumed:
    before = file.stat().st_size
    with closing(_open(file)) as raw:
        (empty,) = raw.execute("PRAGMA freelist_count").fetchone()
        for done in range(0, empty, STEP):
            # It gives one page back at each step of the statement, and `execute` takes one step: it has no rows to fetch.
            raw.executescript(f"PRAGMA incremental_vacuum({STEP})")
            progress("given back", min(done + STEP, empty), empty)
        _shorten(raw)
    return Vacuumed(before=before, after=file.stat().st_size)


def _rewrite(file: Path) -> Vacuumed:
    """SQLite writes a second file, and then the first one anew by way of its log."""
    before = file.stat().st_size
    free = shutil.disk_usage(file.parent).free
    if free < 2 * before:
        raise VacuumFailed(
            f"{file} was not vacuumed: that needs {mebibytes(2 * before)} beside it, and {mebibytes(free)} are free."
        )
    with _temporary_files_in(file.parent), closing(_open(file)) as raw:
        raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        raw.execute("VACUUM")
        _shorten(raw)
    return Vacuumed(before=before, after=file.stat().st_size)


def _open(file: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None)
    raw.execute("PRAGMA synchronous=FULL")
    return raw


def _shorten(raw: sqlite3.Connection) -> None:
    """The file itself gets shorter when its log is brought in. A reader may stand in the way: then it does so later."""
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Where there is room: SQLite would take /tmp, which may be small, or memory. https://www.sqlite.org/tempfiles.html"""
    known = os.environ.get("SQLITE_TMPDIR")
    os.environ["SQLITE_TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if known is None:
            del os.environ["SQLITE_TMPDIR"]
        else:
            os.environ["SQLITE_TMPDIR"] = known


def _vacuum_server(place: PostgresPlace, *, full: bool) -> Vacuumed:
    from vivesphere.kernel.db.moving.opening import bytes_of, connected  # noqa: PLC0415 - psycopg is heavy, and seldom needed

    with connected(place, isolation_level="AUTOCOMMIT") as connection:
        before = bytes_of(connection)
        for table in sa.inspect(connection).get_table_names():
            quoted = connection.dialect.identifier_preparer.quote(table)
            connection.exec_driver_sql(f"VACUUM ({'FULL, ' if full else ''}ANALYZE) {quoted}")
        after = bytes_of(connection)
    return Vacuumed(before=before, after=after)
