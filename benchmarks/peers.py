"""The same event through other buses of this language: published, and every listener's handler done, in events a second.

Each is called as its own documentation does, on the same loop, with the same handler. What they do not do, and ours does:

- blinker awaits one receiver after the other. No id, time, cause, permission, rate limit, pattern or queue: a receiver that
  waits or raises stops the publisher and everybody behind it.
- pyee makes one task for each receiver of each event. No id, time, cause, permission, rate limit or pattern, and no bound on
  the tasks that wait.
- bubus has ids, times, parents, results and a history of 50 events, and checks payloads with pydantic. It knows `*` alone as a
  pattern, refuses above 100 waiting events, and handles one event at a time: a handler that waits holds up every later event.
- NATS crosses a socket to a server of its own and back, matches patterns and bounds what waits; it stamps no id, time or cause.
  It carries bytes: these were encoded before the clock ran, and nobody decodes them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from blinker import Signal
from bubus import BaseEvent, EventBus  # type: ignore[import-untyped]  # it says nothing of its types
from nats.aio.client import Client
from pyee.asyncio import AsyncIOEventEmitter

from vivesphere.contracts.tools import ToolCompleted

Peer = Callable[[int, int], Awaitable[float]]
"""Sends so many listeners so many events; returns events a second."""

EVENT = ToolCompleted(tool="dice.roll", status="result", duration_ms=0.1)

BATCH = 500
"""Published before everybody is waited for: half of what a listener's queue holds, so that nothing is ever dropped."""


class Count:
    """What is handled is counted: as little as can be proved to have happened."""

    def __init__(self) -> None:
        self.handled = 0

    def handler(self) -> Callable[[object], Awaitable[None]]:
        """A new one at each call: some buses know receivers by identity and would take two for one."""

        async def handle(_: object) -> None:
            self.handled += 1

        return handle

    async def reached(self, handled: int) -> None:
        while self.handled < handled:  # noqa: ASYNC110 - who sets an event does more than the others' handlers
            await asyncio.sleep(0)

    def rate(self, events: int, listeners: int, began: float) -> float:
        """Events a second since `began`, once it is proved that all listeners handled all of them."""
        took = time.perf_counter() - began
        assert self.handled == events * listeners, f"{self.handled} of {events * listeners} were handled"
        return events / took


async def blinker(listeners: int, events: int = 50_000) -> float:
    signal, count = Signal(), Count()

    def receiver() -> Callable[..., Awaitable[None]]:
        async def receive(_: object, event: object) -> None:
            count.handled += 1

        return receive

    for _ in range(listeners):
        signal.connect(receiver(), weak=False)
    began = time.perf_counter()
    for _ in range(events):
        await signal.send_async("tools", event=EVENT)
    return count.rate(events, listeners, began)


async def pyee(listeners: int, events: int = 5_000) -> float:
    emitter, count = AsyncIOEventEmitter(), Count()
    for _ in range(listeners):
        emitter.on("done", count.handler())
    began = time.perf_counter()
    for sent in range(BATCH, events + 1, BATCH):
        for _ in range(BATCH):
            emitter.emit("done", EVENT)
        # Its own `wait_for_complete` would halve the rate.
        await count.reached(sent * listeners)
    return count.rate(events, listeners, began)


class ToolDone(BaseEvent[None]):  # type: ignore[misc]  # the same
    """Our event, as bubus has events."""

    tool: str
    status: str
    duration_ms: float


BUBUS_BATCH = 40
"""Of the 100 that it lets wait."""


async def bubus(listeners: int, events: int = 200) -> float:
    """bubus gives each event an identity of its own, so that each has to be made."""
    bus, count = EventBus(), Count()
    for number in range(listeners):
        handler = count.handler()
        # It warns of two handlers of one name.
        handler.__name__ = handler.__qualname__ = f"handler_{number}"
        bus.on(ToolDone, handler)
    began = time.perf_counter()
    for _ in range(events // BUBUS_BATCH):
        for _ in range(BUBUS_BATCH):
            last = bus.dispatch(ToolDone(tool="dice.roll", status="result", duration_ms=0.1))
        # Handled in order, so that the last one's end is the end of all.
        await last
    rate = count.rate(events, listeners, began)
    await bus.stop(clear=True)
    return rate


async def nats(client: Client, listeners: int, events: int = 5_000) -> float:
    """One connection for both directions, the cheapest way."""
    count = Count()
    handlers: list[Any] = [count.handler() for _ in range(listeners)]
    subscriptions = [await client.subscribe("tools.completed", cb=handler) for handler in handlers]
    payload = msgspec.json.encode(EVENT)
    await client.flush()
    began = time.perf_counter()
    for sent in range(BATCH, events + 1, BATCH):
        for _ in range(BATCH):
            await client.publish("tools.completed", payload)
        await count.reached(sent * listeners)
    rate = count.rate(events, listeners, began)
    for subscription in subscriptions:
        await subscription.unsubscribe()
    return rate
