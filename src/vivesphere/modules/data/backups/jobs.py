"""The backups that nobody has to ask for: one after each period, counted from the last one, through stops and starts."""

import asyncio
from datetime import datetime, timedelta

from vivesphere.kernel.clock import Clock, wait_at_most
from vivesphere.kernel.db.backup.folder import Reason
from vivesphere.kernel.errors import Refusal
from vivesphere.kernel.services import Health
from vivesphere.modules.data.backups.service import BackupService
from vivesphere.modules.data.backups.settings import PERIODS, BackupSettings

ARRIVAL = timedelta(minutes=1)
"""After the start before an overdue one is made: the start itself is to be over."""

FIRST = timedelta(hours=1)
"""After the start where there is none yet: whoever tries the server out for a moment need not wait for one."""

AGAIN = timedelta(hours=1)
"""After one that failed."""


KEPT: tuple[Reason, ...] = ("scheduled", "migration")
"""What nobody asked for is deleted when there is more of it than anybody wants."""


class BackupSchedule:
    """Its health is degraded from a failure until the next success."""

    def __init__(self, backups: BackupService, settings: BackupSettings, clock: Clock) -> None:
        self._backups = backups
        self._settings = settings
        self._clock = clock
        self._changed = asyncio.Event()
        self._failed: str | None = None

    def change(self, settings: BackupSettings) -> None:
        """Other settings, from now on."""
        self._settings = settings
        self._changed.set()

    def health(self) -> Health:
        return Health() if self._failed is None else Health("degraded", f"The last scheduled backup failed: {self._failed}")

    async def run(self) -> None:
        """Make backups, for as long as the server runs."""
        started = self._clock.now()
        earliest = started + ARRIVAL
        while True:
            due = await self._due(started)
            if due is None:
                self._failed = None
                await self._changed.wait()
            elif (rest := max(due, earliest) - self._clock.now()) > timedelta():
                await wait_at_most(self._clock, self._changed, rest.total_seconds())
            else:
                await self._make()
                # Of one that failed there is nothing in the folder to count from.
                earliest = self._clock.now() + (AGAIN if self._failed else timedelta())
            self._changed.clear()

    async def _due(self, started: datetime) -> datetime | None:
        if self._settings.every == "never":
            return None
        last = await self._backups.newest("scheduled")
        return started + FIRST if last is None else last.made_at + PERIODS[self._settings.every]

    async def _make(self) -> None:
        settings = self._settings
        try:
            await self._backups.create(settings.passphrase, reason="scheduled")
            for reason in KEPT:
                await self._backups.prune(reason, settings.keep)
        except Refusal as error:
            self._failed = error.detail
        else:
            self._failed = None
