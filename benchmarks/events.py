"""Events a second, from `publish` until the last listener's handler is done, beside four peers in the same run.

Ours goes the whole way of the running server: permission, rate, id, cause, envelope, the queue and task of each listener.
What each peer does without is told in `peers.py`.
"""

import time
from collections.abc import Awaitable, Callable

from nats.aio.client import Client

from benchmarks import peers
from benchmarks.application import application
from benchmarks.harness import Result, in_loop, median_of, result
from benchmarks.nats_server import nats_client, nats_server
from benchmarks.peers import BATCH, EVENT, Count
from vivesphere.contracts.tools import ToolCompleted
from vivesphere.kernel.bus.handle import BusHandle

EVENTS = 100_000

TARGETS = {1: 700_000, 10: 250_000}


def measure() -> list[Result]:
    with nats_server() as url:
        return in_loop(lambda: _measure(url))


async def _measure(url: str) -> list[Result]:
    results: list[Result] = []
    for listeners, target in TARGETS.items():
        # Nothing else runs beside either: the server is gone when the peers begin.
        async with application() as server:
            speaker, listener = server.context("tools").bus, server.context("audit").bus
            ours = await median_of(lambda: vivesphere(speaker, listener, listeners))  # noqa: B023 - awaited before the next turn
        metric = f"publish to handled, {listeners} listener{'s' if listeners > 1 else ''}"
        async with nats_client(url) as client:
            for peer, rate in _peers(client).items():
                value = await median_of(lambda: rate(listeners))  # noqa: B023 - awaited before the next turn
                results.append(result("events", metric, ours, "events/s", target=target, peer=peer, peer_value=value))
    return results


def _peers(client: Client) -> dict[str, Callable[[int], Awaitable[float]]]:
    return {
        "blinker, async": peers.blinker,
        "pyee, asyncio": peers.pyee,
        "bubus": peers.bubus,
        "NATS, nats-py": lambda listeners: peers.nats(client, listeners),
    }


async def vivesphere(speaker: BusHandle, listener: BusHandle, listeners: int, events: int = EVENTS) -> float:
    """What `measure` times of ours; other benchmarks time the same beside something else."""
    count = Count()
    subscriptions = [listener.listen(ToolCompleted, count.handler()) for _ in range(listeners)]
    began = time.perf_counter()
    for _ in range(events // BATCH):
        for _ in range(BATCH):
            await speaker.publish(EVENT)
        for subscription in subscriptions:
            await subscription.drained()
    rate = count.rate(events, listeners, began)
    for subscription in subscriptions:
        subscription.close()
    return rate
