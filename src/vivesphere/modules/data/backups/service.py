"""Making, listing, handing out and deleting backups, and telling the audit log of each."""

from pathlib import Path

import structlog

from vivesphere.contracts.data import BackupDeleted, BackupDownloaded, BackupFailed
from vivesphere.kernel.db.backup import errors
from vivesphere.kernel.db.backup.backups import Backups
from vivesphere.kernel.db.backup.folder import BackupFile, Reason
from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.modules.data.backups import rules
from vivesphere.modules.data.backups.errors import BackupNotMade, BackupNotThere, PassphraseRefused

log = structlog.get_logger("vivesphere.data")


class BackupService:
    def __init__(self, backups: Backups, db: DatabaseHandle) -> None:
        self._backups = backups
        self._db = db

    async def list_backups(self, cursor: str | None, limit: int) -> Page[BackupFile]:
        """Newest first."""
        before = decode_cursor(cursor, tuple[str, str])
        found = [each for each in await self._backups.all() if before is None or _place(each) < before]
        return page(found[: limit + 1], limit, _place)

    async def create(
        self,
        passphrase: str | None = None,
        *,
        reason: Reason = "manual",
        once: IdempotencyKey[BackupFile] | None = None,
        progress: Progress = untold,
    ) -> BackupFile:
        """Make one, encrypted if there is a passphrase. Raises PassphraseRefused, BackupNotMade."""
        known = await self._db.answered(once)
        if known is not None:
            return known
        try:
            made = await self._backups.create(reason, passphrase, progress)
        except errors.PassphraseWrong as error:
            raise PassphraseRefused(str(error)) from None
        except errors.BackupError as error:
            await self._tell_failed(reason, str(error))
            raise BackupNotMade(str(error)) from error
        return await self._db.write_once(once, rules.note_created, made)

    async def fetch(self, name: str) -> Path:
        """Where the file lies, for whoever is about to be sent it. Raises BackupNotThere."""
        try:
            file = await self._backups.find(name)
        except errors.BackupUnknown as error:
            raise BackupNotThere(str(error)) from None
        await self._db.write(rules.note, BackupDownloaded(name=name))
        return file

    async def delete(self, name: str) -> None:
        """Raises BackupNotThere."""
        try:
            await self._backups.delete(name)
        except errors.BackupUnknown as error:
            raise BackupNotThere(str(error)) from None
        await self._db.write(rules.note, BackupDeleted(name=name))

    async def prune(self, reason: Reason, keep: int) -> None:
        """Keep the newest ones of that reason."""
        gone = await self._backups.prune(reason, keep)
        await self._db.write(rules.note, *(BackupDeleted(name=name) for name in gone))

    async def newest(self, reason: Reason) -> BackupFile | None:
        return next((each for each in await self._backups.all() if each.reason == reason), None)

    async def _tell_failed(self, reason: Reason, detail: str) -> None:
        log.error("backup_failed", reason=reason, detail=detail)
        try:
            await self._db.write(rules.note, BackupFailed(reason=reason, detail=detail))
        except DatabaseError as error:
            # What keeps the backup from being written, such as a full disk, may keep this from it, too.
            log.warning("backup_failure_not_recorded", detail=str(error))


def _place(backup: BackupFile) -> tuple[str, str]:
    """Where it stands in the list. A moment in ISO 8601 with all its digits sorts as text."""
    return backup.made_at.isoformat(timespec="microseconds"), backup.name
