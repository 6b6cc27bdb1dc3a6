"""Backups over HTTP."""

from typing import Any

from litestar import Controller, Request, delete, get, post
from litestar.datastructures import State
from litestar.response import Stream

from vivesphere.kernel.db.backup.folder import BackupFile
from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.download import MEDIA_TYPE, Range, attachment
from vivesphere.kernel.http.idempotency import Asking
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.data.backups.schemas import BackupRequest
from vivesphere.modules.data.backups.service import BackupService


class BackupController(Controller):
    path = "/api/v1/data/backups"

    @get(guards=[requires("data.backup.read")])
    async def list_backups(
        self, backups: BackupService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[BackupFile]:
        """The backups on this machine, newest first. Each was verified by opening it when it was made."""
        return await backups.list_backups(cursor, limit)

    @post(guards=[requires("data.backup.create")])
    async def create_backup(self, backups: BackupService, data: BackupRequest, asking: Asking) -> BackupFile:
        """Make a backup now, while everything goes on. It answers when the file is whole on disk and was verified.

        The key of the vault is not in it: keep `master.key` and `vault.json` apart, or the passphrase they come from.
        """
        return await backups.create(data.passphrase, once=asking.once(BackupFile))

    @get("/{name:str}", guards=[requires("data.backup.read")], media_type=MEDIA_TYPE)
    async def download_backup(
        self, request: Request[Any, Any, State], backups: BackupService, name: str, byte_range: Range = None
    ) -> Stream:
        """The file. Whoever has it has all that the database holds, so each download stands in the audit log."""
        return await attachment(request, await backups.fetch(name), byte_range)

    @delete("/{name:str}", guards=[requires("data.backup.create")])
    async def delete_backup(self, backups: BackupService, name: str) -> None:
        await backups.delete(name)
