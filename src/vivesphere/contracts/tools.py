"""Tools: named, typed functions that anyone with the permission may run."""

import msgspec

from vivesphere.kernel.bus.messages import JSON, Event, Request


class ToolDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """One tool. `parameters` is a JSON Schema (draft 2020-12) of type `object`.

    `effect` says what running it does to the world: `none` (a pure function), `read` (asks the world, changes nothing) or
    `write` (changes it; a crash in the middle leaves its outcome unknown). `timeout` is in seconds.
    """

    name: str
    description: str
    parameters: dict[str, JSON]
    effect: str = "none"
    timeout: float = 30.0
    source: str = "builtin"


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="result"):
    """`dry_run` is true when acts were recorded with a stand-in instead of being done."""

    result: JSON
    duration_ms: float
    dry_run: bool = False


class ToolRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The tool did not start. `reason` is `unknown_tool`, `invalid_arguments`, `not_permitted` or `rate_limited`.

    `pointer` is where in the arguments something is wrong (RFC 6901); `retry_after` is in seconds.
    """

    reason: str
    detail: str
    retry_after: float | None = None
    pointer: str = ""


class ToolFailed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The tool ran and failed. `reason` is `error`, `timeout` or `unknown_outcome`: it may or may not have acted.

    A tool that changes the world and did not finish in time is of unknown outcome, so `timeout` means that nothing was changed.
    """

    reason: str
    detail: str
    duration_ms: float


class RunTool(Request[ToolResult | ToolRefused | ToolFailed]):
    """`idempotency_key` names this one piece of work: its effects are done at most once, however often it is asked."""

    topic = "tools.run"
    permission = "tools.tool.run"
    tool: str
    arguments: dict[str, JSON]
    dry_run: bool = False
    idempotency_key: str | None = None


class ToolUnknown(msgspec.Struct, frozen=True, tag="unknown"):
    """`suggestions` are names near to what was asked, best first."""

    suggestions: tuple[str, ...] = ()


class DescribeTool(Request[ToolDeclaration | ToolUnknown]):
    topic = "tools.describe"
    permission = "tools.tool.read"
    tool: str


class ToolsRegistered(msgspec.Struct, frozen=True, tag="registered"):
    names: tuple[str, ...]


class ToolsRejected(msgspec.Struct, frozen=True, tag="rejected"):
    """Nothing was registered; `detail` says which tool is wrong and why."""

    detail: str


class RegisterPluginTools(Request[ToolsRegistered | ToolsRejected]):
    """Put a plugin's tools in the registry, all or none. Each name begins with the plugin's id and a dot."""

    topic = "tools.plugin.register"
    permission = "tools.plugin.register"
    plugin: str
    tools: tuple[ToolDeclaration, ...]


class UnregisterPluginTools(Request[ToolsRegistered]):
    """Take all of a plugin's tools out; the reply names them."""

    topic = "tools.plugin.unregister"
    permission = "tools.plugin.register"
    plugin: str


class ToolCompleted(Event):
    """`status` is `result`, `failed` or `refused`."""

    topic = "tools.execution.completed"
    permission = "tools.execution.read"
    tool: str
    status: str
    duration_ms: float
