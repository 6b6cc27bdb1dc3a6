"""Recorded events a second, from `publish` until a durable listener has handled the last of them, which it reads from the log.

100 publishers go on when their event is on disk; the listener, with one lane or eight, acknowledges each event on disk.
"""

import asyncio
import time

from benchmarks.application import application
from benchmarks.harness import Result, in_loop, median_of, result
from vivesphere.contracts.plans import StepCompleted
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.handle import BusHandle

PUBLISHERS = 100
EACH = 50
LANES = (1, 8)


class _Count:
    """Handles events, and tells when it has handled so many."""

    def __init__(self) -> None:
        self._left = 0
        self._all = asyncio.Event()

    def expect(self, events: int) -> asyncio.Event:
        self._left = events
        self._all.clear()
        return self._all

    async def handle(self, _: Delivery[StepCompleted]) -> None:
        self._left -= 1
        if self._left == 0:
            self._all.set()


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    results = []
    for lanes in LANES:
        async with application() as server:
            bus, count = server.context("plans").bus, _Count()
            bus.listen_durably(
                (StepCompleted,), count.handle, name="measured", key=lambda envelope: envelope.payload.run_id, lanes=lanes
            )
            rate = await median_of(lambda: _rate(bus, count))  # noqa: B023 - awaited before the next turn
        metric = f"durable publish to handled, {lanes} lane{'s' if lanes > 1 else ''}"
        results.append(result("durable_events", metric, rate, "events/s"))
    return results


async def _rate(bus: BusHandle, count: _Count) -> float:
    handled = count.expect(PUBLISHERS * EACH)

    async def publisher(number: int) -> None:
        event = StepCompleted(run_id=f"run{number}", plan_id="p", step="s")
        for _ in range(EACH):
            await bus.publish(event)

    began = time.perf_counter()
    await asyncio.gather(*(publisher(number) for number in range(PUBLISHERS)))
    await handled.wait()
    return PUBLISHERS * EACH / (time.perf_counter() - began)
