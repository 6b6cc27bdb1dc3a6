"""The operator socket: how the CLI speaks to a running server. A Unix socket in the data directory, mode 0600.

One line of JSON each way: `{"command": "auth.user.add", "arguments": {…}}` is answered by `{"result": …}` or
`{"error": "one sentence"}`. A command that streams is answered by a line for each item, until the server stops or the client
hangs up. Who can open the file is the operator; the file's mode is the whole access control.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import structlog

from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.errors import Refusal, StartError, ViveSphereError
from vivesphere.kernel.module import OperatorCommand, OperatorStream
from vivesphere.kernel.principals import SYSTEM

MAX_LINE = 1 << 20
"""Bytes of what the operator asks."""
MAX_ANSWER = 1 << 26
"""Bytes of one answer: a page of events at their largest."""

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
    except Exception as error:  # noqa: BLE001 - the process edge: the operator is told, the server goes on
        return _told(error, ask)


async def follow(stream: OperatorStream, ask: Ask) -> AsyncGenerator[Answer, None]:
    """Each item of a stream as an answer, the last one an error if it failed."""
    try:
        with acting_under(Cause(source=SYSTEM, actor=SYSTEM)):
            async with aclosing(stream.run(ask.arguments)) as items:
                async for item in items:
                    yield Answer(result=item)
    except Exception as error:  # noqa: BLE001 - the process edge, as above
        yield _told(error, ask)


def _told(error: Exception, ask: Ask) -> Answer:
    """An error as a sentence; what nobody foresaw goes to the log with all it says."""
    if isinstance(error, Refusal):
        return Answer(error=error.detail)
    if isinstance(error, ViveSphereError):
        return Answer(error=str(error))
    log.error("operator_command_failed", command=ask.command, exc_info=error)
    return Answer(error=f"{ask.command} failed unexpectedly; the server's log has the details.")


class OperatorSocket:
    """Listens while the server runs."""

    def __init__(
        self, path: Path, commands: Mapping[str, OperatorCommand], streams: Mapping[str, OperatorStream] | None = None
    ) -> None:
        self._path = path
        self._commands = commands
        self._streams = streams or {}
        self._server: asyncio.Server | None = None
        self._following: set[asyncio.Task[None]] = set()

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
        """End every stream, and listen no more."""
        if self._server is None:
            return
        self._server.close()
        for following in self._following:
            following.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            try:
                ask = msgspec.json.decode(line, type=Ask)
            except msgspec.MsgspecError as error:
                answer = Answer(error=f"The operator socket takes one line of JSON with command and arguments: {error}.")
                await _write(writer, answer)
                return
            stream = self._streams.get(ask.command)
            if stream is None:
                await _write(writer, await carry_out(self._commands, ask))
            else:
                await self._follow(stream, ask, reader, writer)
        except (ConnectionError, ValueError) as error:
            # ValueError is a line beyond MAX_LINE. Either way there is nobody left to tell.
            log.info("operator_gone", error=str(error))
        finally:
            writer.close()

    async def _follow(
        self, stream: OperatorStream, ask: Ask, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Write what the stream says until it ends, the client hangs up, or the server stops."""
        sending = asyncio.create_task(_send(writer, stream, ask), name=f"operator:{ask.command}")
        self._following.add(sending)
        # Whoever follows says nothing more, so the next that is read is that they are gone.
        hanging_up = asyncio.create_task(reader.read(1), name=f"operator:{ask.command}:gone")
        try:
            await asyncio.wait((sending, hanging_up), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._following.discard(sending)
            await _ended((sending, hanging_up))


async def _send(writer: asyncio.StreamWriter, stream: OperatorStream, ask: Ask) -> None:
    async with aclosing(follow(stream, ask)) as answers:
        async for answer in answers:
            await _write(writer, answer)


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(msgspec.json.encode(answer) + b"\n")
    await writer.drain()


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel what still runs. Raises what the first of them failed with, if it was no cancellation."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


async def ask_server(path: Path, command: str, arguments: dict[str, Any]) -> Any:
    """Ask the server that holds the data directory. Raises ConnectionError if none listens, OperatorRefused if it says no."""
    async with aclosing(follow_server(path, command, arguments)) as answers:
        async for result in answers:
            return result
    # No ConnectionError: whoever met one might do it once more, offline, and it may have been done.
    raise OperatorRefused(f"The server stopped before it answered {command}; look whether it was done, then ask again.")


async def follow_server(path: Path, command: str, arguments: dict[str, Any]) -> AsyncGenerator[Any, None]:
    """Each item of a command that streams, until the server ends it. Raises like `ask_server`."""
    reader, writer = await asyncio.open_unix_connection(_bindable(path), limit=MAX_ANSWER)
    try:
        writer.write(msgspec.json.encode(Ask(command, arguments)) + b"\n")
        await writer.drain()
        while line := await _line_of(reader):
            answer = msgspec.json.decode(line, type=Answer)
            if answer.error is not None:
                raise OperatorRefused(answer.error)
            yield answer.result
    except ConnectionError:
        # It ended without a word, as a killed one does. Only a connection that was never made is a ConnectionError to others.
        return
    finally:
        writer.close()


async def _line_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        raise OperatorRefused(f"The answer has more than {MAX_ANSWER >> 20} MiB; ask for less of it at once.") from None


def _bindable(path: Path) -> str:
    """The shorter of the absolute and the relative path: sun_path holds 107 bytes (unix(7)), a data directory may be deep."""
    return min(str(path), os.path.relpath(path), key=len)
