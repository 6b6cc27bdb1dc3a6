"""Puts a whole file in the place of the database, and keeps what was there."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from vivesphere.kernel.db.backup.durable import finish, sync_file
from vivesphere.kernel.db.backup.errors import BackupFailed

HEADER = b"SQLite format 3\0"

_STAMP = "%Y%m%dT%H%M%S%fZ"


def put_in_place(partial: Path, file: Path, now: datetime) -> Path | None:
    """Give a written file the database's name; gives the name under which the old database is kept, if there was one.

    At no moment is there no database, or a new one beside the old one's log: whatever ends the process, either is there.
    Raises BackupFailed if somebody has the old one open.
    """
    kept = None
    if file.exists():
        _bring_log_in(file)
        kept = file.with_name(f"{file.name}.replaced-{now.astimezone(UTC):{_STAMP}}")
        _keep(file, kept)
    finish(partial, file)
    return kept


def _keep(file: Path, kept: Path) -> None:
    """A second name for the old file, or a copy where there are no second names. Its log, if it has one still, goes with it."""
    try:
        os.link(file, kept)
    except OSError:
        shutil.copy2(file, kept)
        sync_file(kept)
    for kind in ("-wal", "-shm"):
        beside = file.with_name(file.name + kind)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + kind))


def _bring_log_in(file: Path) -> None:
    """So that the old file is whole by itself. One that is damaged is left with its log, which then is kept, too: SQLite would
    take the log of what it cannot read for an empty one, and remove it."""
    with file.open("rb") as begun:
        if begun.read(len(HEADER)) != HEADER:
            return
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=1)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.DatabaseError:
        return
    log = file.with_name(f"{file.name}-wal")
    if log.exists():
        raise BackupFailed(f"{file} is open in another program; close it there, and try again.")
