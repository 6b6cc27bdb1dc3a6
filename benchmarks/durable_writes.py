"""Durable writes: 100 callers at once, each going on when its event is on disk (SQLite in WAL, synchronous=FULL)."""

import asyncio
import time

from benchmarks.application import application
from benchmarks.harness import Result, in_loop, median_of, result
from vivesphere.contracts.plans import StepCompleted
from vivesphere.kernel.bus.handle import BusHandle

CALLERS = 100
EACH = 50


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    async with application() as server:
        bus = server.context("plans").bus
        many = await median_of(lambda: _rate(bus, CALLERS))
        one = await median_of(lambda: _rate(bus, 1))
    return [
        result("durable_writes", f"durable events, {CALLERS} callers", many, "writes/s", target=15_000),
        result("durable_writes", "durable events, 1 caller", one, "writes/s"),
    ]


async def _rate(bus: BusHandle, callers: int) -> float:
    """`publish` of a durable event returns when its transaction is on disk."""
    event = StepCompleted(run_id="r", plan_id="p", step="s")

    async def caller() -> None:
        for _ in range(EACH):
            await bus.publish(event)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return callers * EACH / (time.perf_counter() - began)
