"""From the question to the typed reply inside the process, in µs at the median, beside nats-py's `request` in the same run.

Ours has a permission, a rate, a cause and a deadline. NATS goes over the loopback to its server and back, twice, as it must:
its answerer may be another process.
"""

import statistics
import time

from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.application import application
from benchmarks.harness import Result, in_loop, median_of, result
from benchmarks.nats_server import nats_client, nats_server
from vivesphere.contracts.tools import DescribeTool, ToolDeclaration
from vivesphere.kernel.bus.handle import BusHandle

REQUESTS = 2_000


def measure() -> list[Result]:
    with nats_server() as url:
        return in_loop(lambda: _measure(url))


async def _measure(url: str) -> list[Result]:
    async with application() as server:
        bus = server.context("tools").bus
        ours = await median_of(lambda: _vivesphere(bus))
    async with nats_client(url) as client:
        nats = await median_of(lambda: _nats(client))
    return [
        result("requests", "request to reply, p50", ours, "µs", target=15, better="less", peer="NATS, nats-py", peer_value=nats)
    ]


async def _vivesphere(asker: BusHandle) -> float:
    """The tools' own answer to whether they have a tool: a look-up, so that what is timed is the asking."""
    request = DescribeTool(tool="text.count_words")
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        reply = await asker.request(request)
        taken.append(time.perf_counter() - began)
    assert isinstance(reply, ToolDeclaration), reply
    return statistics.median(taken) * 1e6


async def _nats(client: Client) -> float:
    async def answer(message: Msg) -> None:
        await message.respond(b"known")

    responder = await client.subscribe("tools.describe", cb=answer)
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        reply = await client.request("tools.describe", b"text.count_words")
        taken.append(time.perf_counter() - began)
    assert reply.data == b"known", reply
    await responder.unsubscribe()
    return statistics.median(taken) * 1e6
