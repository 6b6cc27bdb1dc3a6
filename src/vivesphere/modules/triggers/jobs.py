"""The scheduler: one job that sleeps until the earliest trigger is due.

There is no scheduling library underneath (APScheduler was considered): the due times stand in the database, the next one is an
indexed query away, and a timer on the kernel's clock is what makes this testable. Firings missed while the server was down are
skipped, and the next time is computed from now; firings that were journaled before a crash are carried out under the same
idempotency key, so that none happens twice.
"""

import asyncio

import structlog

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.modules.triggers import rules
from vivesphere.modules.triggers.alarm import Alarm
from vivesphere.modules.triggers.records import Firing
from vivesphere.modules.triggers.service import TriggerService

log = structlog.get_logger("vivesphere.triggers")


class Scheduler:
    """At most `at_once` firings act at the same time; a slow one delays no other."""

    def __init__(
        self, triggers: TriggerService, *, db: DatabaseHandle, clock: Clock, alarm: Alarm, lifetime: Lifetime, at_once: int
    ) -> None:
        self._triggers = triggers
        self._db = db
        self._clock = clock
        self._alarm = alarm
        self._lifetime = lifetime
        self._places = asyncio.Semaphore(at_once)

    async def catch_up(self) -> None:
        """Before the first sleep: skip what was missed, and carry out what was journaled."""
        if missed := await self._db.write(rules.skip_missed):
            log.warning("triggers_missed", skipped=missed)
        self._begin(await self._db.read(rules.pending))

    async def run(self) -> None:
        """Fire triggers as they become due, until cancelled."""
        while True:
            earliest = await self._db.read(rules.earliest)
            if earliest is not None and earliest <= self._clock.now():
                self._begin(await self._db.write(rules.fire_due))
            else:
                await self._alarm.sleep_until(earliest)

    def _begin(self, firings: list[Firing]) -> None:
        for firing in firings:
            self._lifetime.spawn(self._act(firing), name=f"firing {firing.record.id}")

    async def _act(self, firing: Firing) -> None:
        async with self._places:
            await self._triggers.act(firing)
