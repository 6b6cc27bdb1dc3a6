"""The settings section `backup`."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vivesphere.kernel.db.backup.sealing import SHORTEST_PASSPHRASE
from vivesphere.kernel.setting_fields import SECRET

Every = Literal["never", "hour", "day", "week"]

PERIODS: dict[Every, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


class BackupSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The backups that nobody has to ask for."""

    every: Annotated[Every, Meta(description="How often a backup is made by itself: never, hour, day or week.")] = "day"
    keep: Annotated[
        int,
        Meta(
            ge=1, le=1000, description="How many of those are kept, and of those before a migration. What a person made stays."
        ),
    ] = 7
    passphrase: Annotated[
        Annotated[str, Meta(min_length=SHORTEST_PASSPHRASE)] | None,
        Meta(
            description="Encrypts those backups, and whoever restores one needs it. Not set means they are not encrypted.",
            extra=SECRET,
        ),
    ] = None

    def __repr__(self) -> str:
        return f"BackupSettings(every={self.every!r}, keep={self.keep!r}, …)"
