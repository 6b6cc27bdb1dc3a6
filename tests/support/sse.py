"""A client of server-sent events that speaks ASGI to the application, in the test's own loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar import Litestar
from tests.support.sockets import PATIENCE


@dataclass
class Said:
    """One event as an EventSource would hand it on; a comment has only `comment`."""

    id: str | None = None
    event: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    comment: str | None = None


class SseForTests:
    """What one client is sent. While `reads` is not set it takes nothing, so the server's sends wait."""

    def __init__(self) -> None:
        self.from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.status = 0
        self.headers: dict[str, str] = {}
        self._waiting: list[Said] = []
        self._ended = False

    async def take(self, message: Any) -> None:
        await self.reads.wait()
        self.from_app.put_nowait(message)

    async def next(self) -> Said | None:
        """The next event or comment; None when the answer ends."""
        while not self._waiting:
            if self._ended:
                return None
            async with asyncio.timeout(PATIENCE):
                message = await self.from_app.get()
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                continue
            self._waiting += [_parsed(block) for block in message.get("body", b"").decode().split("\n\n") if block]
            self._ended = not message.get("more_body")
        return self._waiting.pop(0)


def _parsed(block: str) -> Said:
    said = Said()
    for line in block.split("\n"):
        name, _, value = line.partition(": ")
        if not name or line.startswith(":"):
            said.comment = line.removeprefix(": ")
        elif name == "data":
            said.data = json.loads(value)
        else:
            setattr(said, name, value)
    return said


@asynccontextmanager
async def listen(
    app: Litestar,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    who: str = "ada",
    method: str = "GET",
) -> AsyncIterator[SseForTests]:
    """Open the stream; the answer's task must end by itself once the client has gone."""
    client, gone = SseForTests(), asyncio.Event()
    asked = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not asked.is_set():
            asked.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    given = {"host": "test", "authorization": f"Bearer {who}", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("test", 80),
        "extensions": {},
    }
    answering = asyncio.create_task(app(scope, receive, client.take))  # type: ignore[arg-type]  # a plain scope
    try:
        yield client
    finally:
        gone.set()
        async with asyncio.timeout(PATIENCE):
            await answering
