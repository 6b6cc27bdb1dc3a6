"""uvicorn as we run it: what a client may send before it is a request."""

import asyncio
import os
import pty
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vivesphere.kernel import serving
from vivesphere.kernel.errors import StartError


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Says how much was sent, once all of it is there."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": f"{length:6}".encode()})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listening, stop = serving.bind("127.0.0.1", 0), asyncio.Event()
    server = asyncio.create_task(serving.serve(answering, listening, stop))
    yield listening.getsockname()[1]
    stop.set()
    await server


async def said_to(port: int, *pieces: bytes) -> bytes:
    """Everything that is answered until the server hangs up, or all was sent and a request that closes is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b"hung up"
    finally:
        writer.close()


@pytest.mark.parametrize("beginning", [b"GET /", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"GET / HTTP/1.1\r\nX-"])
async def test_a_head_without_end_is_let_go(port: int, beginning: bytes) -> None:
    answer = await said_to(port, beginning, *[b"a" * 65_536] * 400)
    assert answer == b"hung up" or answer.startswith(b"HTTP/1.1 400 ")


async def test_headers_without_end_are_let_go(port: int) -> None:
    answer = await said_to(port, b"GET / HTTP/1.1\r\n", *[b"X: y\r\n" * 10_000] * 400)
    assert answer == b"hung up" or answer.startswith(b"HTTP/1.1 400 ")


async def test_a_long_body_and_the_next_request_are_answered(port: int) -> None:
    body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 30_000
    answer = await said_to(port, body + head, b"\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b"200000" in answer


async def test_a_client_that_reads_no_more_does_not_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STUCK_AFTER", 0.05)
    listening, stop, stuck = serving.bind("127.0.0.1", 0), asyncio.Event(), asyncio.Event()

    async def flooding(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        asyncio.get_running_loop().call_soon(stuck.set)
        for _ in range(32):
            await send({"type": "http.response.body", "body": b"a" * 1_000_000, "more_body": True})
        await send({"type": "http.response.body", "body": b"the last word"})

    server = asyncio.create_task(serving.serve(flooding, listening, stop))
    with socket.create_connection(listening.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await stuck.wait()
        stop.set()
        async with asyncio.timeout(serving.GRACE / 2):
            await server


async def test_every_request_of_a_lost_connection_is_told_so() -> None:
    listening, stop, told = serving.bind("127.0.0.1", 0), asyncio.Event(), asyncio.Queue[str]()

    async def lasting(scope: Any, receive: Any, send: Any) -> None:
        told.put_nowait(f"{scope['path']} asked")
        while (await receive())["type"] != "http.disconnect":
            pass
        told.put_nowait(f"{scope['path']} told")

    server = asyncio.create_task(serving.serve(lasting, listening, stop))
    try:
        _, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3)))
        async with asyncio.timeout(10):
            assert await told.get() == "/0 asked"
            writer.transport.abort()
            assert await told.get() == "/0 told"
    finally:
        stop.set()
        await server


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "é..x"])
def test_a_host_that_is_none_is_said_in_words(host: str) -> None:
    with pytest.raises(StartError, match=r"Cannot listen on .*: [A-Za-z].*VIVESPHERE_HOST") as refused:
        serving.bind(host, 0)
    assert "Unknown error" not in str(refused.value)


async def test_sighup_asks_for_a_reload_each_time() -> None:
    stop, reloads = asyncio.Event(), asyncio.Queue[int]()

    async def reload() -> None:
        reloads.put_nowait(1)

    end = serving.reload_on_hangup(reload, stop)
    try:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            assert await reloads.get() == 1
    finally:
        end()
    assert not stop.is_set()


ON_A_TERMINAL = """
import asyncio, fcntl, signal, sys, termios
from vivesphere.kernel import serving

async def main():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if sys.argv[1] == "nohup":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = asyncio.Event()
    async def reload():
        print("reloaded", flush=True)
        stop.set()
    serving.reload_on_hangup(reload, stop)
    print("ready", flush=True)
    await stop.wait()
    print("stopped", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize(("how", "expected"), [("plain", ["stopped"]), ("nohup", ["reloaded", "stopped"])])
async def test_a_server_whose_terminal_closes_stops_unless_it_was_started_under_nohup(how: str, expected: list[str]) -> None:
    ours, theirs = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ON_A_TERMINAL, how, stdin=theirs, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
    finally:
        os.close(theirs)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    os.close(ours)  # The terminal is gone, and the kernel says so to the session's leader.
    assert (await process.stdout.read()).decode().split() == expected
    assert await process.wait() == 0
