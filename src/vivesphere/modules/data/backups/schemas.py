"""What is asked about backups over HTTP. What is told is the kernel's `BackupFile`."""

from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel.db.backup.sealing import SHORTEST_PASSPHRASE


class BackupRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With a passphrase the backup is encrypted, and nobody can restore it without. It is kept nowhere."""

    passphrase: (
        Annotated[str, Meta(min_length=SHORTEST_PASSPHRASE, max_length=1000, examples=["correct horse battery staple"])] | None
    ) = None

    def __repr__(self) -> str:
        return "BackupRequest(…)"
