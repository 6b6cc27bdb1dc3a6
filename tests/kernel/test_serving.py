"""uvicorn as we run it: what a client may send before it is a request."""

import asyncio
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


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "é..x"])
def test_a_host_that_is_none_is_said_in_words(host: str) -> None:
    with pytest.raises(StartError, match=r"Cannot listen on .*: [A-Za-z].*VIVESPHERE_HOST") as refused:
        serving.bind(host, 0)
    assert "Unknown error" not in str(refused.value)
