"""What a plugin acts through."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from vivesphere.contracts.tools import RunTool, ToolResult
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.sql import Parameters, Rows
from vivesphere.sdk.acts import next_key
from vivesphere.sdk.errors import PluginError

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered. `stand_in` is true in a dry run: nothing was sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    text: str = ""
    stand_in: bool = False

    def json(self) -> Any:
        """The body as JSON. Raises PluginError if it is none."""
        try:
            return msgspec.json.decode(self.text)
        except msgspec.DecodeError as error:
            raise PluginError("The server's answer is not JSON.") from error


class Http(Protocol):
    """HTTP to public servers, through the effects gate: addresses are guarded, acts are recorded, dry runs send nothing.

    Needs the permission `effects.http.read` to read and `effects.http.write` to act. Raises PluginError if no answer came.
    """

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> HttpAnswer: ...

    async def post_json(self, url: str, body: JSON, *, headers: Mapping[str, str] | None = None) -> HttpAnswer: ...


class Sql(Protocol):
    """SQL on the tables that the manifest declares, by their bare names, and on tables of people that were granted, such as
    `data_leads`.

    A subset of SQLite's dialect that means the same on every database; values are given for `?` or `:name`. Raises PluginError
    with a sentence that says what to do.
    """

    async def query(self, sql: str, parameters: Parameters = ()) -> Rows:
        """What a SELECT gives. Rows beyond 1,000, or 1 MiB, are left out, and `truncated` says so."""
        ...

    async def execute(self, sql: str, parameters: Parameters = ()) -> Rows:
        """Run an INSERT, UPDATE or DELETE by itself, on disk when this returns; the rows are those of its RETURNING."""
        ...


class Tools:
    """Every tool the server has, asked for by name over the bus. Needs the permission `tools.tool.run`."""

    def __init__(self, bus: BusHandle) -> None:
        self._bus = bus

    async def run(self, name: str, arguments: Mapping[str, JSON] | None = None, *, timeout: float = 60.0) -> JSON:  # noqa: ASYNC109 - the deadline is the tool's
        """The tool's result. Raises PluginError with the reason if it was refused or failed. `timeout` is in seconds."""
        request = RunTool(tool=name, arguments=dict(arguments or {}), idempotency_key=next_key())
        reply = await self._bus.request(request, timeout=timeout)
        if isinstance(reply, ToolResult):
            return reply.result
        raise PluginError(reply.detail)


@dataclass(frozen=True, slots=True)
class PluginContext:
    """Everything a plugin may use, each part bound to the plugin: what it says carries its name, what it begins in its
    `lifetime` ends when it is disabled, and what its manifest did not ask for is refused."""

    id: str
    bus: BusHandle
    tools: Tools
    http: Http
    sql: Sql
    config: Mapping[str, JSON]
    log: "BoundLogger"
    clock: Clock
    lifetime: Lifetime
