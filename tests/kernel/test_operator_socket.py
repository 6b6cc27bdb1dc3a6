"""The CLI's way into a running server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from vivesphere.kernel import operator_socket
from vivesphere.kernel.cause import current_cause
from vivesphere.kernel.errors import Conflict, StartError, ViveSphereError
from vivesphere.kernel.module import OperatorCommand, OperatorStream
from vivesphere.kernel.operator_socket import MAX_LINE, OperatorRefused, OperatorSocket, ask_server, follow_server


async def echo(arguments: dict[str, Any]) -> Any:
    cause = current_cause()
    return {"said": arguments, "actor": cause and cause.actor}


async def refuse(arguments: dict[str, Any]) -> Any:
    raise Conflict("There is one already.")


async def refuse_otherwise(arguments: dict[str, Any]) -> Any:
    raise ViveSphereError("Not like this.")


async def fail(arguments: dict[str, Any]) -> Any:
    raise KeyError("inner secret")


class Ticking:
    """A stream that says what it was asked, ticks until it is closed, and knows then that it was."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def __call__(self, arguments: dict[str, Any]) -> AsyncGenerator[Any, None]:
        cause = current_cause()
        try:
            yield {"said": arguments, "actor": cause and cause.actor}
            await asyncio.Event().wait()
        finally:
            self.closed.set()


async def counting(arguments: dict[str, Any]) -> AsyncGenerator[Any, None]:
    for number in range(arguments["to"]):
        yield number
    raise Conflict("There are no more numbers.")


COMMANDS = {run.__name__: OperatorCommand(run.__name__, run) for run in (echo, refuse, refuse_otherwise, fail)}


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
async def socket(tmp_path: Path, ticking: Ticking) -> AsyncIterator[OperatorSocket]:
    (tmp_path / "s").write_text("left by a process that is gone")
    streams = {"ticking": OperatorStream("ticking", ticking), "counting": OperatorStream("counting", counting)}
    socket = OperatorSocket(tmp_path / "s", COMMANDS, streams)
    await socket.open()
    yield socket
    await socket.close()
    assert not (tmp_path / "s").exists()


@pytest.fixture
def path(tmp_path: Path, socket: OperatorSocket) -> Path:
    return tmp_path / "s"


async def test_a_command_runs_as_system_and_answers(path: Path) -> None:
    assert await ask_server(path, "echo", {"a": 1}) == {"said": {"a": 1}, "actor": "system"}


def test_nobody_but_the_owner_can_open_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("refuse", "There is one already."),
        ("refuse_otherwise", "Not like this."),
        ("fail", "fail failed unexpectedly; the server's log has the details."),
        ("nothing", "There is no operator command 'nothing'; this server has: echo, fail, refuse, refuse_otherwise."),
    ],
)
async def test_a_refusal_is_a_sentence(path: Path, command: str, sentence: str) -> None:
    with pytest.raises(OperatorRefused) as refused:
        await ask_server(path, command, {})
    assert str(refused.value) == sentence


async def test_a_line_that_is_no_command_is_answered_so(path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"hello\n")
    assert b"takes one line of JSON" in await reader.readline()
    writer.close()


async def test_a_line_without_end_is_hung_up_on(path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"x" * (MAX_LINE + 2))
    assert await reader.read() == b""
    writer.close()
    assert await ask_server(path, "echo", {}) == {"said": {}, "actor": "system"}


async def test_a_path_that_is_too_long_is_a_clear_sentence(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with pytest.raises(StartError, match="a shorter path helps"):
        await OperatorSocket(deep / "s", COMMANDS).open()
    await OperatorSocket(deep / "s", COMMANDS).close()


async def test_a_stream_answers_item_by_item_until_it_fails(path: Path) -> None:
    async with aclosing(follow_server(path, "counting", {"to": 3})) as numbers:
        assert [await anext(numbers) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(OperatorRefused, match="There are no more numbers"):
            await anext(numbers)


async def test_a_stream_runs_as_system_and_is_closed_when_the_client_hangs_up(path: Path, ticking: Ticking) -> None:
    async with aclosing(follow_server(path, "ticking", {"a": 1})) as items:
        assert await anext(items) == {"said": {"a": 1}, "actor": "system"}
        assert not ticking.closed.is_set()
    async with asyncio.timeout(5):
        await ticking.closed.wait()


async def test_a_stop_of_the_server_ends_its_streams(path: Path, socket: OperatorSocket, ticking: Ticking) -> None:
    async with aclosing(follow_server(path, "ticking", {})) as items:
        await anext(items)
        await socket.close()
        assert ticking.closed.is_set()
        assert [item async for item in items] == []


async def test_a_server_that_stops_before_it_answers_is_no_reason_to_do_it_again(tmp_path: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_unix_server(hang_up, str(tmp_path / "s")):
        with pytest.raises(OperatorRefused, match="stopped before it answered"):
            await ask_server(tmp_path / "s", "echo", {})


async def test_an_answer_may_be_longer_than_a_question(path: Path) -> None:
    long = "x" * (MAX_LINE - 100)
    assert (await ask_server(path, "echo", {"a": long}))["said"] == {"a": long}


async def test_an_answer_that_is_too_long_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_socket, "MAX_ANSWER", 1 << 16)
    with pytest.raises(OperatorRefused, match="ask for less"):
        await ask_server(path, "echo", {"text": "x" * (1 << 18)})
