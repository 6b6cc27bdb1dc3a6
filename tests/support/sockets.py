"""A WebSocket client that speaks ASGI to the application, in the test's own loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar

PATIENCE = 5.0
"""Seconds until a frame that never comes fails the test instead of hanging it."""


class Closed(Exception):
    """The server closed the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class SocketForTests:
    """What the client of one connection does. `protocol` is what the server chose; None before it accepted.

    While `reads` is not set the client takes nothing, so the server's sends wait; once it is `gone`, they fail.
    """

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = False
        self.accepted = False
        self.protocol: str | None = None

    async def take(self, message: Any) -> None:
        await self.reads.wait()
        if self.gone:
            raise ConnectionResetError
        self.from_app.put_nowait(message)

    async def frame(self) -> dict[str, Any]:
        """The next frame. Raises Closed when the server closes instead."""
        async with asyncio.timeout(PATIENCE):
            message = await self.from_app.get()
        if message["type"] == "websocket.accept":
            self.accepted, self.protocol = True, message["subprotocol"]
            return await self.frame()
        if message["type"] == "websocket.close":
            raise Closed(message["code"], message["reason"])
        found: dict[str, Any] = json.loads(message["text"])
        return found

    def say(self, frame: Any) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.to_app.put_nowait({"type": "websocket.receive", "text": text})

    async def ask(self, frame: Any) -> dict[str, Any]:
        self.say(frame)
        return await self.frame()


@asynccontextmanager
async def connect(
    app: Litestar,
    path: str,
    *,
    token: str | None = None,
    protocols: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[SocketForTests]:
    """Connect; `token` goes into the header. The connection's task must end by itself once the client has gone."""
    socket = SocketForTests()
    sent = {"host": "test"} | ({"authorization": f"Bearer {token}"} if token else {}) | dict(headers or {})
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("test", 80),
        "subprotocols": list(protocols),
        "extensions": {},
    }
    socket.to_app.put_nowait({"type": "websocket.connect"})
    answering = asyncio.create_task(app(scope, socket.to_app.get, socket.take))  # type: ignore[arg-type]  # a plain scope
    try:
        yield socket
    finally:
        socket.to_app.put_nowait({"type": "websocket.disconnect", "code": 1000})
        async with asyncio.timeout(PATIENCE):
            await answering
