"""A real IRC server (PyPI package `irc`) in a process of its own, and an independent client: another person in the channel."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds after which a test says what it was waiting for."""

# The package's own `python -m irc.server` does not say which port it got for port 0, so its server is started by these lines.
_SERVE = """
from irc.server import IRCClient, IRCServer
server = IRCServer(("127.0.0.1", 0), IRCClient)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@dataclass(frozen=True, slots=True)
class IrcServer:
    """A running server; it speaks no TLS and no SASL."""

    port: int
    host: str = HOST


@asynccontextmanager
async def irc_server() -> AsyncIterator[IrcServer]:
    """The third-party server on a free port of the loopback, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            port = int(await process.stdout.readline())
        yield IrcServer(port)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        # What is left in the pipe is read, so that its transport is closed before the loop is.
        await process.communicate()


@dataclass(slots=True)
class IrcPerson:
    """A client that knows nothing of our own protocol code. `heard` are all lines the server sent."""

    nick: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[str] = field(default_factory=list)

    async def send(self, line: str) -> None:
        """One raw line, without its end."""
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()

    async def say(self, target: str, text: str) -> None:
        await self.send(f"PRIVMSG {target} :{text}")

    async def hear(self, *parts: str) -> str:
        """The next line that holds all `parts`. TimeoutError with what was heard instead."""
        try:
            async with asyncio.timeout(PATIENCE):
                while line := (await self.reader.readline()).decode().rstrip("\r\n"):
                    self.heard.append(line)
                    if all(part in line for part in parts):
                        return line
        except TimeoutError:
            pass
        raise AssertionError(f"{self.nick} waited for {parts} and heard {self.heard[-20:]}")

    async def hear_from(self, nick: str, target: str) -> str:
        """The text of the next message that `nick` sends to `target`."""
        line = await self.hear(f":{nick}!", f" PRIVMSG {target} :")
        return line.split(f" PRIVMSG {target} :", 1)[1]


@asynccontextmanager
async def irc_person(server: IrcServer, nick: str, *channels: str) -> AsyncIterator[IrcPerson]:
    """Somebody who is in the channels while the block lasts."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    person = IrcPerson(nick, reader, writer)
    try:
        await person.send(f"NICK {nick}")
        await person.send(f"USER {nick} 0 * :A person")
        await person.hear(" 376 ")
        for channel in channels:
            await person.send(f"JOIN {channel}")
            await person.hear(" 366 ", channel)
        yield person
    finally:
        writer.close()
        await writer.wait_closed()


async def until_joined(person: IrcPerson, nick: str, channel: str) -> None:
    """Wait until somebody of that nick has come into the channel. The person must have been there before."""
    await person.hear(f":{nick}!", " JOIN ", channel)
