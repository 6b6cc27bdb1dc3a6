"""Events a second, from `publish` until the last listener's handler is done, beside blinker and pyee in the same run.

Ours goes the whole way of the running server: permission, rate, id, cause, envelope, the queue and task of each listener.
The peers call their receivers, and have neither limits nor patterns nor a queue that protects one listener from another.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from blinker import Signal
from pyee.asyncio import AsyncIOEventEmitter

from benchmarks.application import application
from benchmarks.harness import Result, in_loop, median_of, result
from vivesphere.contracts.tools import DescribeTool, ToolCompleted, ToolDeclaration
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import Envelope

EVENTS = 20_000
REQUESTS = 2_000
BATCH = 500
"""Published before everybody is waited for: half of what a listener's queue holds, so that nothing is ever dropped."""

TARGETS = {1: 700_000, 10: 250_000}


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    results = []
    async with application() as server:
        speaker, listener = server.context("tools").bus, server.context("audit").bus
        for listeners, target in TARGETS.items():
            ours = await median_of(lambda: _vivesphere(speaker, listener, listeners))  # noqa: B023 - awaited before the next turn
            peers = {
                "blinker, async": await median_of(lambda: _blinker(listeners)),  # noqa: B023 - awaited before the next turn
                "pyee, asyncio": await median_of(lambda: _pyee(listeners)),  # noqa: B023 - awaited before the next turn
            }
            metric = f"publish to handled, {listeners} listener{'s' if listeners > 1 else ''}"
            results += [
                result("events", metric, ours, "events/s", target=target, peer=peer, peer_value=value)
                for peer, value in peers.items()
            ]
        results.append(
            result("events", "request to reply, p50", await median_of(lambda: _reply(speaker)), "µs", target=15, better="less")
        )
    return results


async def _reply(asker: BusHandle) -> float:
    """The tools' own answer to whether they have a tool: a look-up, so that what is timed is the asking."""
    request = DescribeTool(tool="text.count_words")
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        reply = await asker.request(request)
        taken.append(time.perf_counter() - began)
    assert isinstance(reply, ToolDeclaration), reply
    return statistics.median(taken) * 1e6


async def _rate(send: Callable[[], Awaitable[None]], settled: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    for _ in range(EVENTS // BATCH):
        for _ in range(BATCH):
            await send()
        await settled()
    return EVENTS / (time.perf_counter() - began)


class _Count:
    """What each receiver does: as little as can be proved to have happened."""

    def __init__(self) -> None:
        self.handled = 0

    async def envelope(self, _: Envelope[Any]) -> None:
        self.handled += 1

    async def event(self, _: object, **__: object) -> None:
        self.handled += 1

    def proved(self, listeners: int) -> None:
        assert self.handled == EVENTS * listeners, f"{self.handled} of {EVENTS * listeners} were handled"


async def _vivesphere(speaker: BusHandle, listener: BusHandle, listeners: int) -> float:
    counts = [_Count() for _ in range(listeners)]
    subscriptions = [listener.listen(ToolCompleted, count.envelope) for count in counts]
    event = ToolCompleted(tool="dice.roll", status="result", duration_ms=0.1)

    async def settled() -> None:
        for subscription in subscriptions:
            await subscription.drained()

    rate = await _rate(lambda: speaker.publish(event), settled)
    for subscription in subscriptions:
        subscription.close()
    assert sum(count.handled for count in counts) == EVENTS * listeners
    return rate


async def _blinker(listeners: int) -> float:
    signal, count = Signal(), _Count()
    # One method bound anew for each receiver: blinker knows receivers by identity and would take one for all.
    receivers = [_receiver(count) for _ in range(listeners)]
    for receiver in receivers:
        signal.connect(receiver)

    async def send() -> None:
        await signal.send_async("tools", event="done")

    rate = await _rate(send, _nothing)
    count.proved(listeners)
    return rate


async def _pyee(listeners: int) -> float:
    emitter, count = AsyncIOEventEmitter(), _Count()
    for _ in range(listeners):
        emitter.on("done", _receiver(count))

    async def send() -> None:
        emitter.emit("done", "tools")

    rate = await _rate(send, emitter.wait_for_complete)
    count.proved(listeners)
    return rate


def _receiver(count: _Count) -> Callable[..., Awaitable[None]]:
    async def receive(sender: object, **event: object) -> None:
        await count.event(sender, **event)

    return receive


async def _nothing() -> None:
    """blinker has awaited its receivers already."""
