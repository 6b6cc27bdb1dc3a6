"""What ten million events leave behind in memory: resident megabytes after them, beyond those after the first million."""

import gc

import psutil

from benchmarks.application import application
from benchmarks.events import vivesphere
from benchmarks.harness import Result, in_loop, result

MILLION = 1_000_000
MILLIONS = 10
MEGABYTE = 1_000_000


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    """Once: what grows, grows; and a median of many runs would only hide a late one."""
    async with application() as server:
        speaker, listener = server.context("tools").bus, server.context("audit").bus
        await vivesphere(speaker, listener, 1, MILLION)
        first = _resident()
        await vivesphere(speaker, listener, 1, (MILLIONS - 1) * MILLION)
        last = _resident()
    metric = f"growth from 1 to {MILLIONS} million events"
    return [result("event_memory", metric, last - first, "MB", target=2, better="less")]


def _resident() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / MEGABYTE
