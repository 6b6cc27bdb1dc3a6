"""Live events of which every single one is recorded: how many a second for 30 s, counted until the last of them is on disk.

The publisher holds itself back while much waits to be written, as nobody else does: faster, and events would go unrecorded,
which the bus counts and says. So the rate is what the log takes while its events are published and handled on the same machine.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.application import application
from benchmarks.harness import Result, in_loop, result
from benchmarks.peers import BATCH, EVENT, Count
from vivesphere.contracts.tools import ToolCompleted
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.overview import AuditOverview

SECONDS = 30.0
ROUND = 10 * BATCH
"""Published between two looks at what waits."""

MUCH = 50_000
"""Half of what may wait."""

MEGABYTE = 1_000_000

EVERYTHING = {"VIVESPHERE_BUS_AUDIT": "> all", "VIVESPHERE_EVENTS_KEEP_BYTES": str(1 << 40)}
"""Recorded, and none deleted while they are counted."""


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    """Once, for long: a burst would only fill what may wait."""
    async with application(EVERYTHING) as server:
        context = server.context("audit")
        speaker = server.context("tools").bus

        def audit() -> AuditOverview:
            return context.bus_overview().audit

        idle = _resident()
        count = Count()
        subscription = context.bus.listen(ToolCompleted, count.handler())
        began = time.perf_counter()
        peak = await _publish(speaker, audit, began + SECONDS)
        await _written(audit, all_but=0)
        took = time.perf_counter() - began
        unaudited, rows = audit().unaudited, _rows(server.data)
        subscription.close()
    return [
        result("recorded_events", f"recorded for {SECONDS:.0f} s", rows / took, "events/s", target=100_000),
        result("recorded_events", "published and not on disk", count.handled - rows, "events", target=0, better="less"),
        result("recorded_events", "counted as unaudited", unaudited, "events", target=0, better="less"),
        result("recorded_events", "memory at its peak, beyond idle", peak - idle, "MB"),
    ]


async def _publish(speaker: BusHandle, audit: Callable[[], AuditOverview], until: float) -> float:
    """Returns the most resident megabytes that were seen."""
    peak = 0.0
    while time.perf_counter() < until:
        for _ in range(ROUND // BATCH):
            for _ in range(BATCH):
                await speaker.publish(EVENT)
            # The listener has its turn.
            await asyncio.sleep(0)
        await _written(audit, all_but=MUCH)
        peak = max(peak, _resident())
    return peak


async def _written(audit: Callable[[], AuditOverview], *, all_but: int) -> None:
    while audit().waiting > all_but:  # noqa: ASYNC110 - the recorder tells nobody, and a benchmark may look
        await asyncio.sleep(0.001)


def _resident() -> float:
    return psutil.Process().memory_info().rss / MEGABYTE


def _rows(data: Path) -> int:
    """Read apart from the server, as whoever asks after a crash would."""
    database = sqlite3.connect(f"file:{data / 'vivesphere.db'}?mode=ro", uri=True)
    try:
        (rows,) = database.execute("SELECT count(*) FROM event_log WHERE topic = ?", (ToolCompleted.topic,)).fetchone()
    finally:
        database.close()
    return int(rows)
