"""The whole server records live events by its settings, and keeps its log within them; what a stop still says is on disk."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.application import running
from tests.support.clock import FakeClock

from vivesphere.kernel.bus.bus import Bus
from vivesphere.kernel.bus.reports import own_cause
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.events import RateLimitHit
from vivesphere.kernel.principals import SYSTEM

AUDIT = "VIVESPHERE_BUS_AUDIT"


def tell(bus: Bus, number: int) -> None:
    bus.deliver(bus.envelope(RateLimitHit(principal=SYSTEM, refused=number), own_cause()))


def on_disk(tmp_path: Path) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "data" / "vivesphere.db")) as raw:
        asked = "SELECT json_extract(payload, '$.refused') FROM event_log WHERE topic = 'bus.rate_limited' ORDER BY seq"
        return [row[0] for row in raw.execute(asked)]


async def test_live_events_are_recorded_and_the_last_ones_before_the_database_closes(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        bus = server.application.bus
        server.application.lifetime.add("last words", lambda: tell(bus, 2))
        tell(bus, 1)
        with closing(sqlite3.connect(tmp_path / "data" / "vivesphere.db")) as raw:
            assert raw.execute("PRAGMA auto_vacuum").fetchone() == (2,), "incremental"
    assert on_disk(tmp_path) == [1, 2]


async def test_the_settings_say_what_is_recorded_and_for_how_long(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock=clock, environ={AUDIT: "bus.rate_limited none,> all"}) as server:
        tell(server.application.bus, 1)
    assert on_disk(tmp_path) == []
    async with running(tmp_path, clock=clock) as server:
        tell(server.application.bus, 2)
    assert on_disk(tmp_path) == [2]
    with pytest.raises(StartError, match="'loud' is not understood"):
        async with running(tmp_path, environ={AUDIT: "loud"}):
            """It does not come to that."""


async def test_the_health_of_the_log_is_shown(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        assert server.application.services.health()["event log"].status == "ok"
