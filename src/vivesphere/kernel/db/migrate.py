"""Brings a database file up to the code at start: schema and `table_metadata` in one transaction, after a backup.

The caller holds the data directory's lock. Whatever ends the process on the way, the file is as before or as after.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy.pool import NullPool

from vivesphere.kernel import paths
from vivesphere.kernel.db.connection import BUSY_SECONDS
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.table_records import describe_core, register
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import Principal

log = structlog.get_logger("vivesphere.db")


def bring_up_to_date(file: Path, *, owners: Mapping[str, Principal], folder: Path | None = None) -> None:
    """Migrate the file, making it if need be. `owners` names the core's tables; `folder` holds the migrations.

    Raises StartError if the file is newer than the code, is no database of ours, or cannot be written.
    """
    scripts = ScriptDirectory(str(folder or paths.migrations()))
    engine = sa.create_engine("sqlite+pysqlite://", creator=lambda: _connect(file), poolclass=NullPool)
    # SQLAlchemy begins nothing on such a connection by itself, and SQLite's DDL is transactional only if somebody does.
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            _migrate(connection, file, scripts)
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
    scripts = ScriptDirectory(str(paths.migrations()))
    engine = sa.create_engine("sqlite+pysqlite://", creator=lambda: _connect_to_look(file), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            current = _known_revision(connection, file, scripts)
    except sa.exc.DBAPIError as error:
        raise StartError(f"{file} cannot be read as a database ({error.orig}).") from error
    pending = len(_pending(scripts, current))
    return f"{file}, {f'{pending} migrations to run at the next start' if pending else 'up to date'}"


def upgrade(connection: sa.Connection, scripts: ScriptDirectory) -> None:
    """Run the pending migrations inside the connection's transaction."""
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for step in _pending(scripts, context.get_current_revision()):
            step.module.upgrade()
    context.stamp(scripts, "head")


def _migrate(connection: sa.Connection, file: Path, scripts: ScriptDirectory) -> None:
    current = _known_revision(connection, file, scripts)
    head = scripts.get_current_head()
    if current == head:
        return
    backup = None if current is None else _back_up(file, current)
    upgrade(connection, scripts)
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        raise StartError(
            f"The migration to {head} would leave {len(broken)} rows of {broken[0][0]} without what they refer to."
        )
    log.info("database_migrated", file=str(file), before=current, after=head, backup=str(backup) if backup else None)


def _known_revision(connection: sa.Connection, file: Path, scripts: ScriptDirectory) -> str | None:
    """The revision the file is at; None for a new one. Raises StartError for one that this code does not know."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and sa.inspect(connection).get_table_names():
        raise StartError(f"{file} is a database of something else; name another file in VIVESPHERE_DATABASE_URL.")
    if current is not None and current not in {step.revision for step in scripts.walk_revisions()}:
        raise StartError(
            f"The database {file} was written by a newer ViveSphere (its schema is {current}, "
            f"this one knows {scripts.get_current_head()}); start that version again, or restore the backup made before "
            "its first start."
        )
    return current


def _pending(scripts: ScriptDirectory, current: str | None) -> list[Script]:
    return list(scripts.iterate_revisions("head", current or "base"))[::-1]


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
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
