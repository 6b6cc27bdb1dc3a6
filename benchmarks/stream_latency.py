"""From an event to the client that watches it, in ms, by WebSocket and by SSE, at a steady 200 events a second.

A client of the real server runs a tool over HTTP at that pace, and each run publishes an event. The event carries the time at
which it was published; this process takes the time when it has the frame, by the same machine's clock. Speaker, client and
server share the machine's cores.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from benchmarks.harness import RUNS, Result, in_loop, result
from benchmarks.server import server
from vivesphere.contracts.tools import ToolCompleted

PACE = 200
"""Events a second."""

EVENTS = 400
"""In one run."""

BODY = b'{"arguments": {"text": "the quick brown fox"}}'
DEADLINE = 10.0


class Frame(msgspec.Struct):
    """What is read of a frame."""

    type: str
    at: datetime


_decode = msgspec.json.Decoder(Frame).decode


class Watch:
    """Takes frames as they come, and the ms since each event was published."""

    def __init__(self) -> None:
        self.listening = asyncio.Event()
        self.complete = asyncio.Event()
        self.taken: list[float] = []

    def take(self, text: str | bytes) -> None:
        now = time.time()
        frame = _decode(text)
        if frame.type == ToolCompleted.topic:
            self.taken.append(1000 * (now - frame.at.timestamp()))
            if len(self.taken) == EVENTS:
                self.complete.set()
        else:
            assert frame.type == "stream.subscribed", frame
            self.listening.set()


Client = Callable[[str, str, Watch], Awaitable[None]]
"""Watches the tools' events at a server's address with a token, until it is cancelled."""


def measure() -> list[Result]:
    with server() as running, closing(running.client()) as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
        return in_loop(lambda: _measure(running.url, token))


async def _measure(url: str, token: str) -> list[Result]:
    results = []
    for name, client in CLIENTS.items():
        runs = [await _run(client, url, token) for _ in range(RUNS + 1)][1:]
        p99 = statistics.median(sorted(run)[int(len(run) * 0.99)] for run in runs)
        p50 = statistics.median(statistics.median(run) for run in runs)
        results.append(result("stream_latency", f"event to {name} client, p99", p99, "ms", target=5, better="less"))
        results.append(result("stream_latency", f"event to {name} client, p50", p50, "ms"))
    return results


async def _run(client: Client, url: str, token: str) -> list[float]:
    watch = Watch()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_all(client(url, token, watch)))
        async with asyncio.timeout(EVENTS / PACE + DEADLINE):
            await watch.listening.wait()
            await _speak(url, token)
            await watch.complete.wait()
        watching.cancel()
    return watch.taken


async def _all(work: Awaitable[None]) -> None:
    await work
    raise AssertionError("the server ended the stream")


async def _speak(url: str, token: str) -> None:
    """Run the tool at the pace, over one connection; httpx would take a millisecond of this loop for each request."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = (
        f"POST /api/v1/tools/text.count_words/run HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(host, int(port))
    began = time.perf_counter()
    for number in range(EVENTS):
        await asyncio.sleep(began + number / PACE - time.perf_counter())
        writer.write(head.encode() + BODY)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert answer.startswith(b"http/1.1 200"), answer
        await reader.readexactly(int(answer.partition(b"content-length: ")[2].partition(b"\r")[0]))
    writer.close()
    await writer.wait_closed()


async def _websocket(url: str, token: str, watch: Watch) -> None:
    protocols = [Subprotocol("vivesphere.v1"), Subprotocol(f"bearer.{token}")]
    async with connect(f"{url.replace('http', 'ws', 1)}/api/v1/stream", subprotocols=protocols, proxy=None) as socket:
        await socket.send('{"type": "subscribe", "topic": "tools.>"}')
        async for text in socket:
            watch.take(text)


async def _sse(url: str, token: str, watch: Watch) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=DEADLINE, trust_env=False) as client,
        client.stream("GET", "/api/v1/stream/sse", params={"topic": "tools.>"}) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                watch.take(line.removeprefix("data: "))


CLIENTS: dict[str, Client] = {"WebSocket": _websocket, "SSE": _sse}
