"""uvicorn inside our own loop: we bind the socket, we take the signals, we say when it stops."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from vivesphere.kernel.errors import StartError

GRACE = 10
"""Seconds that running requests get to be answered after a stop was asked for."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise SIGTERM again after serving, and the exit code would no longer be 0.
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises StartError if the port is taken or not allowed, or the host is no address of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        reason = "it is in use" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0) or str(error)
        raise StartError(
            f"Cannot listen on {host}:{port}: {reason}. "
            "Stop what uses it, or choose another with VIVESPHERE_HOST and VIVESPHERE_PORT."
        ) from error
    listening.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return listening


def url_of(listening: socket.socket) -> str:
    """Where a browser on this machine finds the socket; every-address is reached over the loopback."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: Any, listening: socket.socket, stop: asyncio.Event) -> None:
    """Answer HTTP on the socket until `stop` is set; then finish what runs, and return."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=1 << 20,
        h11_max_incomplete_event_size=1 << 16,
    )
    server = _Server(config)
    answering = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({answering, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await answering


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT ask for a graceful stop; a second one ends the process as the system would."""
    loop = asyncio.get_running_loop()

    def asked(which: signal.Signals) -> None:
        if stop.is_set():
            loop.remove_signal_handler(which)
            os.kill(os.getpid(), which)
        stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, asked, each)
