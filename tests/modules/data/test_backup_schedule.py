"""Backups that nobody asks for: on time, also through stops; kept in number; and told when they fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.clock import FakeClock

from vivesphere.kernel.db.backup.folder import BackupFile
from vivesphere.modules.data.backups.errors import BackupNotMade
from vivesphere.modules.data.backups.jobs import BackupSchedule
from vivesphere.modules.data.backups.settings import BackupSettings

HOUR = 3600.0


class Shelf:
    """A BackupService that keeps nothing on a disk. While it is `full` nothing can be made."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.made: list[BackupFile] = []
        self.full = False
        self.asked: list[str | None] = []
        self.pruned: list[tuple[str, int]] = []

    async def create(self, passphrase: str | None, *, reason: Any) -> None:
        self.asked.append(passphrase)
        if self.full:
            raise BackupNotMade("The disk is full.")
        self.add(reason)

    def add(self, reason: Any = "scheduled") -> None:
        name = f"backup {len(self.made)}"
        made = BackupFile(
            name=name, made_at=self.clock.now(), bytes=1, encrypted=False, verified=True, revision="0001", reason=reason
        )
        self.made.append(made)

    async def prune(self, reason: str, keep: int) -> None:
        self.pruned.append((reason, keep))

    async def newest(self, reason: str) -> BackupFile | None:
        return next((each for each in reversed(self.made) if each.reason == reason), None)


@asynccontextmanager
async def scheduled(shelf: Shelf, **settings: Any) -> AsyncIterator[BackupSchedule]:
    schedule = BackupSchedule(shelf, BackupSettings(**settings), shelf.clock)  # type: ignore[arg-type]  # a service for tests
    running = asyncio.create_task(schedule.run())
    try:
        yield schedule
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_first_comes_after_an_hour_and_then_one_a_day() -> None:
    shelf = Shelf(FakeClock())
    async with scheduled(shelf) as schedule:
        await shelf.clock.advance(HOUR - 1)
        assert shelf.made == []
        await shelf.clock.advance(1)
        assert len(shelf.made) == 1
        await shelf.clock.advance(24 * HOUR - 1)
        assert len(shelf.made) == 1
        await shelf.clock.advance(1 + 2 * 24 * HOUR)
        assert len(shelf.made) == 4
        assert set(shelf.pruned) == {("scheduled", 7), ("migration", 7)}
        assert schedule.health().status == "ok"


async def test_a_stop_does_not_begin_the_day_anew() -> None:
    shelf = Shelf(FakeClock())
    shelf.add()
    await shelf.clock.advance(20 * HOUR)
    async with scheduled(shelf):
        await shelf.clock.advance(4 * HOUR - 1)
        assert len(shelf.made) == 1
        await shelf.clock.advance(1)
        assert len(shelf.made) == 2


async def test_one_that_is_overdue_is_made_soon_after_the_start() -> None:
    shelf = Shelf(FakeClock())
    shelf.add()
    await shelf.clock.advance(100 * HOUR)
    async with scheduled(shelf):
        await shelf.clock.advance(59)
        assert len(shelf.made) == 1
        await shelf.clock.advance(1)
        assert len(shelf.made) == 2


async def test_what_a_person_made_is_no_scheduled_one() -> None:
    shelf = Shelf(FakeClock())
    shelf.add("manual")
    async with scheduled(shelf):
        await shelf.clock.advance(HOUR)
        assert [each.reason for each in shelf.made] == ["manual", "scheduled"]


async def test_one_that_fails_is_told_and_tried_again_after_an_hour() -> None:
    shelf = Shelf(FakeClock())
    shelf.full = True
    async with scheduled(shelf, passphrase="correct horse battery") as schedule:
        await shelf.clock.advance(HOUR)
        assert schedule.health().status == "degraded"
        assert schedule.health().detail == "The last scheduled backup failed: The disk is full."
        await shelf.clock.advance(HOUR - 1)
        assert shelf.asked == ["correct horse battery"]
        shelf.full = False
        await shelf.clock.advance(1)
        assert len(shelf.made) == 1
        assert schedule.health().status == "ok"


async def test_other_settings_hold_at_once() -> None:
    shelf = Shelf(FakeClock())
    async with scheduled(shelf, every="never") as schedule:
        await shelf.clock.advance(1000 * HOUR)
        assert shelf.made == []
        schedule.change(BackupSettings(every="hour", keep=3))
        await shelf.clock.advance(60)
        assert len(shelf.made) == 1
        await shelf.clock.advance(HOUR)
        assert len(shelf.made) == 2
        assert shelf.pruned[-1] == ("migration", 3)
        schedule.change(BackupSettings(every="never"))
        await shelf.clock.advance(1000 * HOUR)
        assert len(shelf.made) == 2


async def test_a_failure_is_forgotten_when_nobody_wants_another() -> None:
    shelf = Shelf(FakeClock())
    shelf.full = True
    async with scheduled(shelf) as schedule:
        await shelf.clock.advance(HOUR)
        schedule.change(BackupSettings(every="never"))
        await shelf.clock.advance(1)
        assert schedule.health().status == "ok"


def test_a_passphrase_is_shown_to_nobody() -> None:
    assert "horse" not in repr(BackupSettings(passphrase="correct horse battery"))
