"""A real nats-server of this machine, as pip brings it, for the benchmarks that stand beside NATS."""

import asyncio
import subprocess
import sysconfig
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NoReturn

import nats
from nats.aio.client import Client

READY = "Server is ready"
LISTENING = "Listening for client connections on "
DEADLINE = 10.0


@contextmanager
def nats_server() -> Iterator[str]:
    """The URL of a server that already listens: nats-py waits two seconds after a first connection that was refused."""
    binary = Path(sysconfig.get_path("scripts")) / "nats-server"
    # -1 lets the server choose a free port, so that nobody can take it between our look and its start.
    server = subprocess.Popen([binary, "-a", "127.0.0.1", "-p", "-1"], stderr=subprocess.PIPE, text=True)  # noqa: S603 - the binary of our own environment
    try:
        yield f"nats://{_address(server)}"
    finally:
        server.terminate()
        server.communicate(timeout=DEADLINE)


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    address = ""
    for line in server.stderr:
        address = line.partition(LISTENING)[2].strip() or address
        if READY in line and address:
            return address
    raise AssertionError("nats-server ended before it was ready")


@asynccontextmanager
async def nats_client(url: str) -> AsyncIterator[Client]:
    """A connection that says at once what goes wrong, instead of trying again and measuring that."""

    async def fail(error: Exception) -> NoReturn:
        raise error

    client = await nats.connect(url, allow_reconnect=False, error_cb=fail)
    try:
        yield client
    finally:
        async with asyncio.timeout(DEADLINE):
            await client.close()
