"""The real `vivesphere serve` as a child, and a client that asks it over 32 connections at once."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

from tests.support.process import ServerProcess, serving

CONNECTIONS = 32


@contextmanager
def server() -> Iterator[ServerProcess]:
    """A server with an empty data directory and the user `admin`."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as running:
        yield running


class Load(NamedTuple):
    """`rate` in requests a second, `p50` and `p99` in milliseconds."""

    rate: float
    p50: float
    p99: float


class _Connection(asyncio.Protocol):
    """Sends one request again and again; the parser knows only what our own server sends (a content length, no chunks)."""

    def __init__(self, request: bytes, until: float) -> None:
        self._request = request
        self._until = until
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._sent = 0.0
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its ancestors.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._end(AssertionError(self._received.decode(errors="replace")))
            return
        self._received = body[length:]
        now = time.perf_counter()
        self.times.append(now - self._sent)
        if now < self._until:
            self._send()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
        if self._transport is not None:
            self._transport.close()


async def load(url: str, path: str, token: str, seconds: float) -> Load:
    """Ask for `path` over all connections for so long. Raises AssertionError at the first answer that is not 200."""
    host, _, port = url.removeprefix("http://").partition(":")
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\r\n"
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    connections = [
        (await loop.create_connection(lambda: _Connection(request.encode(), began + seconds), host, int(port)))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(each.done for each in connections))
    took = time.perf_counter() - began
    times = sorted(moment for each in connections for moment in each.times)
    return Load(len(times) / took, 1000 * statistics.median(times), 1000 * times[int(len(times) * 0.99)])
