"""Where a backup comes from: the database, copied as it is at one moment while the server goes on writing to it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal, Protocol

from vivesphere.kernel import paths
from vivesphere.kernel.db.backup.progress import Progress
from vivesphere.kernel.db.location import Place, PostgresPlace, SqlitePlace

STEP = 1024
"""Pages copied before the progress is told: 4 MiB."""

PATIENCE = 5.0
"""Seconds to wait for a lock that another process holds."""

Kind = Literal["sqlite", "postgresql"]


class Origin(Protocol):
    """A database that can be copied into a SQLite file as it is at one moment."""

    @property
    def kind(self) -> Kind: ...

    def size(self) -> int:
        """Bytes that the copy will take, roughly."""
        ...

    def copy_to(self, partial: Path, progress: Progress) -> None:
        """Write the copy into an empty file. Raises DatabaseError, sqlite3.Error or OSError."""
        ...


class SqliteOrigin:
    """The copy is of the moment at which it began. Neither the writer nor a reader waits for it; what is written meanwhile
    stays in SQLite's log until it is done, since the snapshot keeps that from being begun anew."""

    kind: Kind = "sqlite"

    def __init__(self, file: Path) -> None:
        self._file = file

    def size(self) -> int:
        with closing(self._open()) as source:
            (pages,), (size,) = (source.execute(f"PRAGMA {each}").fetchone() for each in ("page_count", "page_size"))
        return int(pages * size)

    def copy_to(self, partial: Path, progress: Progress) -> None:
        with closing(self._open()) as source, closing(sqlite3.connect(partial)) as target:
            # Without a transaction of its own around it, every write of the server would begin the copy anew.
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_master").fetchone()
            # The file has no name yet, and is brought to the disk as a whole.
            target.execute("PRAGMA synchronous=OFF")
            target.execute("PRAGMA journal_mode=OFF")
            source.backup(
                target, pages=STEP, progress=lambda _status, left, whole: progress("copied", whole - left, whole), sleep=0.05
            )

    def _open(self) -> sqlite3.Connection:
        source = sqlite3.connect(f"{self._file.as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None)
        source.execute("PRAGMA query_only=ON")
        return source


class PostgresOrigin:
    """The copy is of one snapshot, row by row into the same kind of file, so that it can be restored into either database."""

    kind: Kind = "postgresql"

    def __init__(self, place: PostgresPlace, migrations: Path) -> None:
        self._place = place
        self._migrations = migrations

    def size(self) -> int:
        from vivesphere.kernel.db.moving.opening import bytes_of, connected  # noqa: PLC0415 - psycopg is heavy, and seldom needed

        with connected(self._place) as connection:
            return bytes_of(connection)

    def copy_to(self, partial: Path, progress: Progress) -> None:
        # Alembic costs 10 MB that an idle server need not hold, psycopg as above.
        from vivesphere.kernel.db.moving.new_file import copy_to_new_file  # noqa: PLC0415 - see above

        copy_to_new_file(self._place, partial, self._migrations, progress)


def origin_of(place: Place, migrations: Path | None = None) -> Origin:
    """What backups of the place are made from; `migrations` make the tables of a copy."""
    if isinstance(place, SqlitePlace):
        return SqliteOrigin(place.file)
    return PostgresOrigin(place, migrations or paths.migrations())
