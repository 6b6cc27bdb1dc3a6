"""Files that are whole on disk before they get their names, and what a process that was killed left of others."""

import os
import secrets
from pathlib import Path

_BEGINNING, _END = ".vivesphere-", ".partial"
"""Of the names of unfinished files. Nothing else is called so, and no finished file is ever written in place."""


def unfinished(folder: Path) -> Path:
    """A file to write to, in the folder where it will get its name: empty, and for this user alone."""
    partial = folder / f"{_BEGINNING}{secrets.token_hex(8)}{_END}"
    partial.touch(mode=0o600, exist_ok=False)
    return partial


def finish(partial: Path, final: Path) -> None:
    """Give a written file its name. A power cut leaves all of it, or whatever had that name before."""
    sync_file(partial)
    partial.rename(final)
    sync_folder(final.parent)


def discard(partial: Path) -> None:
    """Remove an unfinished file, with whatever SQLite laid beside it."""
    for name in (partial.name, *(f"{partial.name}-{kind}" for kind in ("journal", "wal", "shm"))):
        partial.with_name(name).unlink(missing_ok=True)


def discard_all(folder: Path) -> None:
    """Remove every unfinished file that processes left which are gone. Whoever calls holds the data directory's lock."""
    for partial in folder.glob(f"{_BEGINNING}*{_END}"):
        discard(partial)


def sync_file(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())


def sync_folder(folder: Path) -> None:
    """Without it a new name may not survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
