"""How a command of the CLI reaches the server: over the operator socket, or by being the server while none runs."""

import asyncio
import os
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from vivesphere.kernel.data_directory import DataDirectory
from vivesphere.kernel.errors import ViveSphereError
from vivesphere.kernel.settings import Settings

T = TypeVar("T")


class ServerNotRunning(ViveSphereError):
    """What was asked makes sense only while a server runs."""


def load_settings() -> Settings:
    return Settings.load(os.environ)


def operate(command: str, arguments: dict[str, Any]) -> Any:
    """Ask the running server; if none runs, be the server for the moment that the command takes."""
    from vivesphere.kernel.operator_socket import ask_server  # noqa: PLC0415 - `serve` starts faster without the client

    settings = load_settings()
    socket = DataDirectory(settings.server.data_dir).operator_socket
    try:
        return run(ask_server(socket, command, arguments))
    except (ConnectionError, FileNotFoundError):
        from vivesphere import app  # noqa: PLC0415 - only needed while no server runs

        return run(app.operate_offline(settings, command, arguments))


def operate_existing(command: str, arguments: dict[str, Any]) -> Any:
    """Like `operate`, for a command that makes sense only where a server has been. Asking offline is a start without a socket,
    and where none has been that would make the data directory."""
    data = DataDirectory(load_settings().server.data_dir)
    if not data.path.is_dir():
        raise ServerNotRunning(
            f"There is no data directory {data.path}; name yours in VIVESPHERE_DATA_DIR, or start the server."
        )
    return operate(command, arguments)


def ask_running_server(command: str, arguments: dict[str, Any], otherwise: str) -> Any:
    """Ask the running server; ServerNotRunning if there is none, with a word on what that means."""
    from vivesphere.kernel.operator_socket import ask_server  # noqa: PLC0415 - `serve` starts faster without the client

    data = DataDirectory(load_settings().server.data_dir)
    try:
        return run(ask_server(data.operator_socket, command, arguments))
    except (ConnectionError, FileNotFoundError):
        raise ServerNotRunning(f"No server runs on {data.path}; {otherwise}.") from None


async def follow_running_server(command: str, arguments: dict[str, Any], otherwise: str) -> AsyncGenerator[Any, None]:
    """What the running server says, item by item, until it stops; ServerNotRunning if there is none, or it has."""
    from vivesphere.kernel.operator_socket import follow_server  # noqa: PLC0415 - as above

    data = DataDirectory(load_settings().server.data_dir)
    try:
        async for item in follow_server(data.operator_socket, command, arguments):
            yield item
    except (ConnectionError, FileNotFoundError):
        raise ServerNotRunning(f"No server runs on {data.path}; {otherwise}.") from None
    raise ServerNotRunning("The server has stopped.")


def run(work: Coroutine[Any, Any, T]) -> T:
    import uvloop  # noqa: PLC0415 - loaded where a loop is started

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
