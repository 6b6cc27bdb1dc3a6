"""What its neighbours take from a listener: its rate beside them as a share of its rate alone.

A neighbour that sleeps a second over each event has a full queue all the time, and one that raises has its breaker opened.
One that does its work takes its own time, which is not the bus's; it stands here for comparison.
"""

import asyncio
import statistics

from benchmarks.application import application
from benchmarks.events import vivesphere
from benchmarks.harness import RUNS, Result, in_loop, result
from benchmarks.peers import Count
from vivesphere.contracts.tools import ToolCompleted
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.live import Handler


async def _sleeps(_: object) -> None:
    await asyncio.sleep(1)


async def _raises(_: object) -> None:
    raise RuntimeError("a listener that always fails")


NEIGHBOURS: dict[str, tuple[Handler, float | None]] = {
    "sleeps 1 s": (_sleeps, 0.9),
    "always raises": (_raises, 0.9),
    "counts": (Count().handler(), None),
}
"""Each with the share that it has to leave."""

EVENTS = 300_000
"""Long enough that what is told once a second about a neighbour's failures weighs as it does in a long life."""


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    results = []
    async with application() as server:
        speaker, listener = server.context("tools").bus, server.context("audit").bus
        await vivesphere(speaker, listener, 1)
        for name, (handler, target) in NEIGHBOURS.items():
            shares = [await _share(speaker, listener, handler) for _ in range(RUNS)]
            metric = f"rate left beside one that {name}"
            results.append(result("isolation", metric, statistics.median(shares), "x", target=target))
    return results


async def _share(speaker: BusHandle, listener: BusHandle, handler: Handler) -> float:
    alone = await vivesphere(speaker, listener, 1, EVENTS)
    neighbour = listener.listen(ToolCompleted, handler)
    beside = await vivesphere(speaker, listener, 1, EVENTS)
    neighbour.close()
    return beside / alone
