"""uvicorn inside our own loop: we bind the socket, we take the signals, we say when it stops."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NoReturn

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from vivesphere.kernel.errors import StartError

LARGEST_HEAD = 1 << 16
"""Bytes of request line and headers."""

GRACE = 10
"""Seconds that running requests get to be answered after a stop was asked for."""


STUCK_AFTER = 1.0
"""Seconds for which a client may take nothing of what it is being sent, once the server stops."""


class _Protocol(HttpToolsProtocol):
    """Lets go of a client whose request line and headers have no end: httptools itself keeps them all. And tells every request
    of a lost connection that it is lost: uvicorn tells the last one, and the one before it may be a stream."""

    _head: int | None = None
    """Bytes of the unfinished head, those of the read it began in left out: they may belong to the request before."""
    _began = False
    _overtaken: Sequence[RequestResponseCycle] = ()
    """Unanswered requests that the client has sent another one behind."""

    def data_received(self, data: bytes) -> None:
        self._began = False
        super().data_received(data)
        if self._head is None or self._began:
            return
        self._head += len(data)
        if self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request line and headers have more than {LARGEST_HEAD} bytes.")

    def on_message_begin(self) -> None:
        self._head = 0
        self._began = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        before = self.cycle
        super().on_headers_complete()
        if before is not None and not before.response_complete:
            self._overtaken = [*(each for each in self._overtaken if not each.response_complete), before]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for cycle in self._overtaken:
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()


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
    except (OSError, TypeError) as error:
        # A TypeError is the host's: no name can be encoded so (`é..x`).
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            reason = "it is in use"
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
        http=_Protocol,
        ws="websockets-sansio",
        ws_max_size=1 << 20,
    )
    server = _Server(config)
    answering = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({answering, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    letting_go = asyncio.create_task(_let_go_of_the_stuck(server), name="http:stuck")
    await answering
    letting_go.cancel()


async def _let_go_of_the_stuck(server: uvicorn.Server) -> NoReturn:
    """Whoever has stopped reading never takes the last word either, and would hold up the stop for all of GRACE."""
    unsent: dict[Any, int] = {}
    while True:
        await asyncio.sleep(STUCK_AFTER)
        before = unsent
        unsent = {each: each.transport.get_write_buffer_size() for each in server.server_state.connections}
        for connection, size in unsent.items():
            if size and before.get(connection) == size:
                connection.transport.abort()


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


def reload_on_hangup(reload: Callable[[], Awaitable[None]], stop: asyncio.Event) -> Callable[[], None]:
    """SIGHUP asks for a reload, one after the other. Returns what ends that.

    The same signal says that the terminal was closed in which the server was started: then it stops, as any program would.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    # Under nohup(1) the signal is ignored from the start: such a server is to outlive its terminal.
    closes = _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN

    async def reloading() -> None:
        while True:
            await asked.wait()
            asked.clear()
            await reload()

    def heard() -> None:
        (stop if closes and not _has_terminal() else asked).set()

    task = asyncio.create_task(reloading(), name="reload on SIGHUP")
    loop.add_signal_handler(signal.SIGHUP, heard)

    def end() -> None:
        loop.remove_signal_handler(signal.SIGHUP)
        task.cancel()

    return end


def _has_terminal() -> bool:
    """Whether there is a controlling terminal, tty(4): opening it says so, whatever the standard streams are."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
