"""The operator socket: how the CLI speaks to a running server. A Unix socket in the data directory, mode 0600.

One line of JSON each way: `{"command": "auth.user.add", "arguments": {…}}` is answered by `{"result": …}` or
`{"error": "one sentence"}`. Who can open the file is the operator; the file's mode is the whole access control.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.errors import Refusal, StartError, ViveSphereError
from vivesphere.kernel.module import OperatorCommand
from vivesphere.kernel.principals import SYSTEM

MAX_LINE = 1 << 20

log = structlog.get_logger("vivesphere.operator")


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    command: str
    arguments: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    result: Any = None
    error: str | None = None


class OperatorRefused(ViveSphereError):
    """The running server said no; the message is its sentence."""


async def carry_out(commands: Mapping[str, OperatorCommand], ask: Ask) -> Answer:
    """Run one command as the operator, who is `system`: whoever holds the data directory holds everything in it."""
    command = commands.get(ask.command)
    if command is None:
        return Answer(error=f"There is no operator command {ask.command!r}; this server has: {', '.join(sorted(commands))}.")
    try:
        with acting_under(Cause(source=SYSTEM, actor=SYSTEM)):
            return Answer(result=await command.run(ask.arguments))
    except Refusal as refusal:
        return Answer(error=refusal.detail)
    except ViveSphereError as error:
        return Answer(error=str(error))
    except Exception:
        log.exception("operator_command_failed", command=ask.command)
        return Answer(error=f"{ask.command} failed unexpectedly; the server's log has the details.")


class OperatorSocket:
    """Listens while the server runs."""

    def __init__(self, path: Path, commands: Mapping[str, OperatorCommand]) -> None:
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        # The data directory's lock is held, so a socket that is already there was left by a process that is gone.
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, _bindable(self._path), limit=MAX_LINE)
        except OSError as error:
            raise StartError(f"The operator socket {self._path} cannot be made ({error}); a shorter path helps.") from error
        finally:
            os.umask(before)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            try:
                answer = await carry_out(self._commands, msgspec.json.decode(line, type=Ask))
            except msgspec.MsgspecError as error:
                answer = Answer(error=f"The operator socket takes one line of JSON with command and arguments: {error}.")
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError) as error:
            # ValueError is a line beyond MAX_LINE. Either way there is nobody left to tell.
            log.info("operator_gone", error=str(error))
        finally:
            writer.close()


async def ask_server(path: Path, command: str, arguments: dict[str, Any]) -> Any:
    """Ask the server that holds the data directory. Raises ConnectionError if none listens, OperatorRefused if it says no."""
    reader, writer = await asyncio.open_unix_connection(_bindable(path), limit=MAX_LINE)
    try:
        writer.write(msgspec.json.encode(Ask(command, arguments)) + b"\n")
        await writer.drain()
        answer = msgspec.json.decode(await reader.readline(), type=Answer)
    finally:
        writer.close()
    if answer.error is not None:
        raise OperatorRefused(answer.error)
    return answer.result


def _bindable(path: Path) -> str:
    """The shorter of the absolute and the relative path: sun_path holds 107 bytes (unix(7)), a data directory may be deep."""
    return min(str(path), os.path.relpath(path), key=len)
