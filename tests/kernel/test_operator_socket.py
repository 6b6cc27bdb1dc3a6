"""The CLI's way into a running server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from vivesphere.kernel.cause import current_cause
from vivesphere.kernel.errors import Conflict, StartError, ViveSphereError
from vivesphere.kernel.module import OperatorCommand
from vivesphere.kernel.operator_socket import MAX_LINE, OperatorRefused, OperatorSocket, ask_server


async def echo(arguments: dict[str, Any]) -> Any:
    cause = current_cause()
    return {"said": arguments, "actor": cause and cause.actor}


async def refuse(arguments: dict[str, Any]) -> Any:
    raise Conflict("There is one already.")


async def refuse_otherwise(arguments: dict[str, Any]) -> Any:
    raise ViveSphereError("Not like this.")


async def fail(arguments: dict[str, Any]) -> Any:
    raise KeyError("inner secret")


COMMANDS = {run.__name__: OperatorCommand(run.__name__, run) for run in (echo, refuse, refuse_otherwise, fail)}


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    (tmp_path / "s").write_text("left by a process that is gone")
    socket = OperatorSocket(tmp_path / "s", COMMANDS)
    await socket.open()
    yield tmp_path / "s"
    await socket.close()
    assert not (tmp_path / "s").exists()


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
