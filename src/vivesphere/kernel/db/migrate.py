"""Brings a database file up to the code at start: schema and `table_metadata` in one transaction, after a backup.

The caller holds the data directory's lock. Whatever ends the process on the way, the file is as before or as after.
Revisions are numbered files in one line, so that a start with nothing to migrate need not load Alembic (10 MB and 0.1 s).
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.pool import NullPool

from vivesphere.kernel import paths
from vivesphere.kernel.db.connection import BUSY_SECONDS
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.table_records import describe_core, register
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import Principal

VERSION_TABLE = "alembic_version"

log = structlog.get_logger("vivesphere.db")


def bring_up_to_date(file: Path, *, owners: Mapping[str, Principal], folder: Path | None = None) -> None:
    """Migrate the file, making it if need be. `owners` names the core's tables; `folder` holds the migrations.

    Raises StartError if the file is newer than the code, is no database of ours, or cannot be written.
    """
    migrations = folder or paths.migrations()
    engine = sa.create_engine("sqlite+pysqlite://", creator=lambda: _connect(file), poolclass=NullPool)
    # SQLAlchemy begins nothing on such a connection by itself, and SQLite's DDL is transactional only if somebody does.
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            _migrate(connection, file, migrations)
            register(connection, describe_core(Model.metadata, owners), datetime.now(UTC))
    except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise StartError(
            f"The database {file} cannot be opened or brought up to date ({reason}); nothing in it was changed. "
            "Mend that, or name another file in VIVESPHERE_DATABASE_URL."
        ) from error


def describe(file: Path) -> str:
    """One sentence about the file, for a person; nothing in it is changed. Raises StartError if a start would."""
    if not file.exists():
        return f"{file}, which the first start will make"
    known = revisions(paths.migrations())
    engine = sa.create_engine("sqlite+pysqlite://", creator=lambda: _connect_to_look(file), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            current = _known_revision(connection, file, known)
    except sa.exc.DBAPIError as error:
        raise StartError(f"{file} cannot be read as a database ({error.orig}).") from error
    pending = sum(revision > (current or "") for revision in known)
    return f"{file}, {f'{pending} migrations to run at the next start' if pending else 'up to date'}"


def revisions(folder: Path) -> tuple[str, ...]:
    """The numbers of the migrations, oldest first: `versions/0001_first_release.py` is `0001`."""
    return tuple(sorted(file.name.partition("_")[0] for file in (folder / "versions").glob("[0-9]*_*.py")))


def _migrate(connection: sa.Connection, file: Path, folder: Path) -> None:
    known = revisions(folder)
    current, head = _known_revision(connection, file, known), known[-1]
    if current == head:
        return
    backup = None if current is None else _back_up(file, current)
    from vivesphere.kernel.db.upgrade import upgrade  # noqa: PLC0415 - loads Alembic, see above

    upgrade(connection, folder)
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        raise StartError(
            f"The migration to {head} would leave {len(broken)} rows of {broken[0][0]} without what they refer to."
        )
    log.info("database_migrated", file=str(file), before=current, after=head, backup=str(backup) if backup else None)


def _known_revision(connection: sa.Connection, file: Path, known: Sequence[str]) -> str | None:
    """The revision the file is at; None for a new one. Raises StartError for one that this code does not know."""
    names = sa.inspect(connection).get_table_names()
    if not names:
        return None
    if VERSION_TABLE not in names:
        raise StartError(f"{file} is a database of something else; name another file in VIVESPHERE_DATABASE_URL.")
    current = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608 - a constant
    if current not in known:
        raise StartError(
            f"The database {file} was written by a newer ViveSphere (its schema is {current}, "
            f"this one knows {known[-1]}); start that version again, or restore the backup made before its first start."
        )
    return str(current)


def _back_up(file: Path, revision: str) -> Path:
    """A copy of what is committed, whole on disk before it gets its name."""
    folder = file.parent / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    backup = folder / f"{file.stem}-{revision}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.db"
    partial = backup.with_suffix(".partial")
    partial.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(partial)) as target:
        source.backup(target)
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    return partial.rename(backup)


def _connect(file: Path) -> sqlite3.Connection:
    """Foreign keys are off: recreating a table, SQLite's way to change one, would otherwise delete what refers to it."""
    raw = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        if raw.execute("PRAGMA page_count").fetchone() == (0,):
            # It has an effect only while the file is empty, and before the log is.
            raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        raw.close()
        raise
    return raw


def _connect_to_look(file: Path) -> sqlite3.Connection:
    # Without a log beside it nobody has it open, and only such a file can be read without making one.
    alone = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{file.as_uri()}?mode=ro{alone}", uri=True, timeout=BUSY_SECONDS)
