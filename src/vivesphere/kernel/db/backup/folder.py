"""The folder of backups: their names say what they are, so that nothing beside them has to be kept in step."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

import msgspec

from vivesphere.kernel.db.backup import sealing
from vivesphere.kernel.db.backup.durable import sync_folder
from vivesphere.kernel.db.backup.errors import BackupDamaged, BackupUnknown
from vivesphere.kernel.db.backup.replacing import HEADER

Reason = Literal["manual", "scheduled", "migration", "replaced"]
"""Why it was made. `replaced` is what stood where a restore or a move has put something else."""

_STAMP = "%Y%m%dT%H%M%S%fZ"
_NAME = re.compile(
    rf"vivesphere-(?P<revision>[0-9]{{4,}})-(?P<reason>{'|'.join(get_args(Reason))})-(?P<made_at>[0-9]{{8}}T[0-9]{{12}}Z)"
    r"\.(?P<form>db|sealed)"
)


class BackupFile(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. Each was verified before it got its name; `verified` says that it still has its beginning and its length."""

    name: str
    made_at: datetime
    bytes: int
    encrypted: bool
    verified: bool
    revision: str
    reason: Reason


def free_name(folder: Path, revision: str, reason: Reason, made_at: datetime, *, encrypted: bool) -> str:
    """A name that no backup has: of two made at the same moment, one was made a microsecond later."""
    while (folder / (name := name_of(revision, reason, made_at, encrypted=encrypted))).exists():
        made_at += timedelta(microseconds=1)
    return name


def name_of(revision: str, reason: Reason, made_at: datetime, *, encrypted: bool) -> str:
    return f"vivesphere-{revision}-{reason}-{made_at.astimezone(UTC):{_STAMP}}.{'sealed' if encrypted else 'db'}"


def backups_in(folder: Path) -> list[BackupFile]:
    """Every backup, newest first. Files with other names are not ours and are not looked at."""
    found = (described(file) for file in folder.glob("vivesphere-*"))
    return sorted((each for each in found if each is not None), key=lambda each: (each.made_at, each.name), reverse=True)


def find(folder: Path, name: str) -> Path:
    """Where the backup of that name lies. Only the name of a backup of ours is taken, never a path. Raises BackupUnknown."""
    if _NAME.fullmatch(name) is None or not (folder / name).is_file():
        raise BackupUnknown(f"There is no backup {name[:120]!r}; the list has their names.")
    return folder / name


def described(file: Path) -> BackupFile | None:
    """None for a file that is no backup by its name, or is gone by now."""
    named = _NAME.fullmatch(file.name)
    if named is None:
        return None
    try:
        return BackupFile(
            name=file.name,
            made_at=datetime.strptime(named["made_at"], _STAMP).replace(tzinfo=UTC),
            bytes=file.stat().st_size,
            encrypted=named["form"] == "sealed",
            verified=_is_whole(file),
            revision=named["revision"],
            reason=named["reason"],  # type: ignore[arg-type]  # the pattern lets nothing else through
        )
    except (FileNotFoundError, ValueError):
        # Deleted while we looked, or a thirteenth month.
        return None


def delete(folder: Path, name: str) -> None:
    """Raises BackupUnknown."""
    find(folder, name).unlink(missing_ok=True)
    sync_folder(folder)


def prune(folder: Path, reason: Reason, keep: int) -> tuple[str, ...]:
    """Delete the oldest backups of one reason, but for `keep` of them; gives their names. What a person made stays."""
    gone = [each.name for each in backups_in(folder) if each.reason == reason][keep:]
    for name in gone:
        delete(folder, name)
    return tuple(gone)


def _is_whole(file: Path) -> bool:
    """A cheap look, for a list: everything is looked at when it is restored."""
    if sealing.is_sealed(file):
        try:
            sealing.manifest_of(file)
        except BackupDamaged:
            return False
        return True
    with file.open("rb") as begun:
        header = begun.read(100)
    # https://www.sqlite.org/fileformat2.html#the_database_header: the page size, and how many pages there are.
    size, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    return header.startswith(HEADER) and file.stat().st_size == (65536 if size == 1 else size) * pages
