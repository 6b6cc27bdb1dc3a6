"""Puts a backup in the place of the database. Nothing is replaced before all of the backup was looked at."""

import secrets
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.backup import sealing
from vivesphere.kernel.db.backup.durable import discard, unfinished
from vivesphere.kernel.db.backup.errors import BackupDamaged, BackupFailed, PassphraseNeeded
from vivesphere.kernel.db.backup.making import reason_of
from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.backup.replacing import put_in_place
from vivesphere.kernel.db.backup.verifying import Contents, verify
from vivesphere.kernel.db.location import PostgresPlace, SqlitePlace
from vivesphere.kernel.db.log_extent import LOG_ID
from vivesphere.kernel.db.moving.transfer import Mover


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the database now, and where what was there before is kept, if there was anything."""

    revision: str
    rows: Mapping[str, int]
    kept: str | None


def restore(
    backup: Path,
    place: SqlitePlace,
    migrations: Path,
    *,
    now: datetime,
    passphrase: str | None = None,
    force: bool = False,
    progress: Progress = untold,
) -> Restored:
    """Restore into a file; the caller holds the data directory's lock. Without `force` nothing is overwritten.

    Raises BackupError; the database is as it was then.
    """
    if place.file.exists() and not force:
        raise BackupFailed(f"There is a database {place} already; with --force it is kept under another name and replaced.")
    try:
        place.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = unfinished(place.file.parent)
        try:
            contents = open_backup(backup, partial, migrations, passphrase, progress)
            kept = put_in_place(partial, place.file, now)
        finally:
            discard(partial)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"{backup.name} was not restored: {reason_of(error)}.") from error
    return Restored(revision=contents.revision, rows=contents.rows, kept=None if kept is None else str(kept))


def restore_into_server(
    backup: Path,
    place: PostgresPlace,
    mover: Mover,
    spare: Path,
    *,
    passphrase: str | None = None,
    force: bool = False,
    progress: Progress = untold,
) -> Restored:
    """Restore into a server's database; `spare` is a folder with room for the plain backup. Raises BackupError, MoveFailed or
    StartError; the database is as it was then."""
    try:
        spare.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = unfinished(spare)
        try:
            open_backup(backup, partial, mover.migrations, passphrase, progress)
            migrate.bring_up_to_date(SqlitePlace(partial), owners=mover.owners, folder=mover.migrations)
            moved = mover.fill_server(SqlitePlace(partial), place, force=force, progress=progress)
        finally:
            discard(partial)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"{backup.name} was not restored: {reason_of(error)}.") from error
    rows = {name: proof.rows for name, proof in moved.tables.items()}
    return Restored(revision=migrate.revisions(mover.migrations)[-1], rows=rows, kept=moved.kept)


def open_backup(backup: Path, plain: Path, migrations: Path, passphrase: str | None, progress: Progress) -> Contents:
    """Write the database that is in a backup over `plain`, verified, its event log under a new name. Raises BackupError."""
    try:
        sealed = sealing.is_sealed(backup)
    except OSError as error:
        raise BackupFailed(f"{backup} cannot be read: {error.strerror}.") from error
    if not sealed:
        shutil.copyfile(backup, plain)
    elif passphrase is None:
        raise PassphraseNeeded(f"{backup.name} is encrypted: give its passphrase.")
    else:
        manifest = sealing.unseal(backup, plain, passphrase, progress)
    contents = verify(plain, migrate.revisions(migrations), progress, backup.name)
    if sealed and (manifest.revision, manifest.rows) != (contents.revision, contents.rows):
        raise BackupDamaged(f"{backup.name} does not hold what it says of itself; take another backup.")
    _begin_another_log(plain)
    return contents


def _begin_another_log(plain: Path) -> None:
    """What was recorded since the backup is gone, and its places in the log will be given anew: whoever knows one of those is
    to be told so, instead of being sent other events from there on (`log_extent.py`)."""
    with closing(sqlite3.connect(plain)) as connection, connection:
        name = msgspec.json.encode(secrets.token_hex(4)).decode()
        connection.execute("UPDATE installation SET value = ? WHERE key = ?", (name, LOG_ID))
