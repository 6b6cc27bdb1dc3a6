"""The backups of this installation, for the loop: made one after the other on a thread of their own."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

from vivesphere.kernel import release
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.backup import folder as backup_folder
from vivesphere.kernel.db.backup.durable import discard_all
from vivesphere.kernel.db.backup.errors import BackupFailed
from vivesphere.kernel.db.backup.folder import BackupFile, Reason
from vivesphere.kernel.db.backup.making import Wanted, make
from vivesphere.kernel.db.backup.origins import Origin
from vivesphere.kernel.db.backup.progress import Progress, untold


class Backups:
    """Of the database that `origin` copies, in `folder`, which the first one makes. `known` are the revisions of this code."""

    def __init__(self, origin: Origin, folder: Path, known: Sequence[str], clock: Clock) -> None:
        self._origin = origin
        self._folder = folder
        self._known = known
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def tidy(self, *beside: Path) -> None:
        """Remove what an earlier process left unfinished, also in the folders `beside`, where restores and moves are written.
        Nobody else is at work: the data directory is locked by this process."""
        for folder in (self._folder, *beside):
            await asyncio.to_thread(discard_all, folder)

    async def create(self, reason: Reason, passphrase: str | None = None, progress: Progress = untold) -> BackupFile:
        """Make a backup; another one waits. Raises BackupError. Whoever is cancelled leaves nothing behind."""
        given_up = threading.Event()

        def told(what: str, done: int, whole: int, /) -> None:
            if given_up.is_set():
                raise BackupFailed("The backup was given up.")
            progress(what, done, whole)

        async with self._one_at_a_time:
            wanted = Wanted(
                reason=reason,
                made_at=self._clock.now(),
                known=self._known,
                release=release.version(),
                passphrase=passphrase,
            )
            try:
                return await asyncio.to_thread(make, self._origin, self._folder, wanted, told)
            except asyncio.CancelledError:
                given_up.set()
                raise

    async def all(self) -> list[BackupFile]:
        """Newest first."""
        return await asyncio.to_thread(backup_folder.backups_in, self._folder)

    async def find(self, name: str) -> Path:
        """Where it lies. Raises BackupUnknown, also for what is no plain name of a backup."""
        return await asyncio.to_thread(backup_folder.find, self._folder, name)

    async def delete(self, name: str) -> None:
        """Raises BackupUnknown."""
        await asyncio.to_thread(backup_folder.delete, self._folder, name)

    async def prune(self, reason: Reason, keep: int) -> Sequence[str]:
        """Delete the oldest of one reason but for `keep`; gives their names."""
        return await asyncio.to_thread(backup_folder.prune, self._folder, reason, keep)
