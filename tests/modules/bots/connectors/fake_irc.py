"""An IRC server by hand: a test says each line, and sees each line that comes."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PATIENCE = 10.0


class FakeConnection:
    """One client as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def line(self) -> str:
        """The next line; empty once the client has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            return (await self._reader.readline()).decode().rstrip("\r\n")

    async def expect(self, *lines: str) -> None:
        for line in lines:
            heard = await self.line()
            assert heard == line, f"expected {line!r}, heard {heard!r}"

    async def say(self, *lines: str) -> None:
        for line in lines:
            self._writer.write(line.encode() + b"\r\n")
        await self._writer.drain()

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Reset the connection, as a crashed server does."""
        self._writer.transport.abort()

    async def welcome(self, nick: str = "Vivi", *channels: str) -> None:
        """Take a client in that asks for no capabilities, and let it join what it asks for."""
        await self.expect("CAP LS 302", f"NICK {nick}")
        assert (await self.line()).startswith("USER ")
        await self.say(":s CAP * LS :", f":s 001 {nick} :Welcome")
        await self.expect("CAP END", *(f"JOIN {channel}" for channel in channels))
        await self.say(*(f":{nick}!u@h JOIN {channel}" for channel in channels))


class FakeIrcServer:
    """Listens on a free port; `arrived` gives each connection in turn."""

    def __init__(self) -> None:
        self.port = 0
        self._arrivals: asyncio.Queue[FakeConnection] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    async def arrived(self) -> FakeConnection:
        async with asyncio.timeout(PATIENCE):
            return await self._arrivals.get()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["FakeIrcServer"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._arrivals.put_nowait(FakeConnection(reader, writer))
