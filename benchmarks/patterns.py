"""What 10,000 patterns of others cost a publisher, as a multiple of what 10 cost: literal ones, and some with wildcards.

Twice: with one topic, whose listeners are remembered, and with 500 topics that are each published once after somebody came and
left, so that the listeners of every event are looked for anew.
"""

import statistics
import time
from typing import NamedTuple

from benchmarks.application import application
from benchmarks.harness import RUNS, Result, in_loop, result
from benchmarks.peers import BATCH, Count
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.live import Subscription
from vivesphere.kernel.bus.messages import Event

FEW, MANY = 10, 10_000
EVENTS = 20_000
OTHERS = ("tools.bench.other{}", "tools.*.other{}", "*.bench.other{}.*", "tools.other{}.>")


def _kind(number: int) -> Event:
    class Measured(Event):
        topic = f"tools.bench.measured{number}"

    return Measured()


ALL = [_kind(number) for number in range(BATCH)]


class Cost(NamedTuple):
    """Seconds that one event takes from `publish` to handled."""

    remembered: float
    looked_for: float


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    async with application() as server:
        speaker, listener = server.context("tools").bus, server.context("audit").bus
        runs = [await _run(speaker, listener) for _ in range(RUNS + 1)][1:]
    return [
        _result("one topic", [(few.remembered, many.remembered) for few, many in runs]),
        _result("looked for anew", [(few.looked_for, many.looked_for) for few, many in runs]),
    ]


def _result(name: str, costs: list[tuple[float, float]]) -> Result:
    ratio = statistics.median(many / few for few, many in costs)
    return result("patterns", f"cost, {MANY:,} patterns over {FEW}: {name}", ratio, "x", target=2, better="less")


async def _run(speaker: BusHandle, listener: BusHandle) -> tuple[Cost, Cost]:
    """Few and many in turn, so that a load from outside comes to both."""
    others = [_other(listener, number) for number in range(FEW)]
    few = await _cost(speaker, listener)
    others += [_other(listener, number) for number in range(FEW, MANY)]
    many = await _cost(speaker, listener)
    for other in others:
        other.close()
    return few, many


def _other(listener: BusHandle, number: int) -> Subscription:
    return listener.listen(OTHERS[number % len(OTHERS)].format(number), Count().handler())


async def _cost(speaker: BusHandle, listener: BusHandle) -> Cost:
    count = Count()
    measured = listener.listen("tools.bench.*", count.handler())
    began = time.perf_counter()
    for _ in range(EVENTS // BATCH):
        for _ in range(BATCH):
            await speaker.publish(ALL[0])
        await measured.drained()
    remembered = 1 / count.rate(EVENTS, 1, began)
    looked_for = 0.0
    for _ in range(EVENTS // BATCH):
        listener.listen("tools.bench.guest", count.handler()).close()
        began = time.perf_counter()
        for event in ALL:
            await speaker.publish(event)
        await measured.drained()
        looked_for += time.perf_counter() - began
    measured.close()
    assert count.handled == 2 * EVENTS, count.handled
    return Cost(remembered, looked_for / EVENTS)
