"""Makes one backup: a copy of one moment, verified, sealed if asked, and only then named."""

import shutil
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.backup import sealing
from vivesphere.kernel.db.backup.durable import discard, finish, unfinished
from vivesphere.kernel.db.backup.errors import BackupFailed
from vivesphere.kernel.db.backup.folder import BackupFile, Reason, described, free_name
from vivesphere.kernel.db.backup.origins import Origin
from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.backup.sealing import Manifest
from vivesphere.kernel.db.backup.verifying import verify


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of backup. `known` are the revisions of this code, `release` is its version."""

    reason: Reason
    made_at: datetime
    known: Sequence[str]
    release: str
    passphrase: str | None = None

    def __repr__(self) -> str:
        return f"Wanted({self.reason!r})"


def make(origin: Origin, folder: Path, wanted: Wanted, progress: Progress = untold) -> BackupFile:
    """Make a backup in the folder. It takes as long as reading the database three times; whatever ends the process meanwhile
    leaves no file with a backup's name.

    Raises BackupFailed, BackupDamaged if the copy does not hold together, PassphraseWrong if the passphrase is too short.
    """
    if wanted.passphrase is not None:
        sealing.check_passphrase(wanted.passphrase)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_room(folder, origin.size() * (1 if wanted.passphrase is None else 2))
        partial = unfinished(folder)
        try:
            origin.copy_to(partial, progress)
            return _named(partial, folder, origin, wanted, progress)
        finally:
            discard(partial)
    except (OSError, sqlite3.Error, sa.exc.DBAPIError) as error:
        raise BackupFailed(f"No backup was made in {folder}: {reason_of(error)}.") from error


def _named(copy: Path, folder: Path, origin: Origin, wanted: Wanted, progress: Progress) -> BackupFile:
    contents = verify(copy, wanted.known, progress, "The copy")
    sealed = wanted.passphrase is not None
    final = folder / free_name(folder, contents.revision, wanted.reason, wanted.made_at, encrypted=sealed)
    if wanted.passphrase is None:
        finish(copy, final)
    else:
        manifest = Manifest(
            revision=contents.revision,
            made_at=wanted.made_at,
            database=origin.kind,
            release=wanted.release,
            rows=contents.rows,
        )
        _seal(copy, final, wanted.passphrase, manifest, progress)
    made = described(final)
    if made is None or not made.verified:
        raise BackupFailed(f"The backup {final} was not found as it was written; is somebody else at work in that folder?")
    return made


def _seal(copy: Path, final: Path, passphrase: str, manifest: Manifest, progress: Progress) -> None:
    partial = unfinished(final.parent)
    try:
        sealing.seal(copy, partial, passphrase, manifest, progress)
        # What cannot be opened again is no backup.
        sealing.unseal(partial, None, passphrase, progress)
        finish(partial, final)
    finally:
        discard(partial)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupFailed(
            f"No backup was made in {folder}: it needs {mebibytes(needed)}, and {mebibytes(free)} are free there; "
            "make room or delete old backups."
        )


def mebibytes(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB"


def reason_of(error: Exception) -> str:
    """What the system or a driver says, without the statement that it was said of."""
    if isinstance(error, sa.exc.DBAPIError):
        return str(error.orig).partition("\n")[0]
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
