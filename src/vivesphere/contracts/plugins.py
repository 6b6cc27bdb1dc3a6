"""Plugins: their commands and tools, asked for by name."""

import msgspec

from vivesphere.kernel.bus.messages import JSON, Event, Request


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The chat message a command came in. `sender` is the name the platform shows; `private` means no channel but a person."""

    message_id: str
    bot_id: str
    account_id: str
    platform: str
    channel: str
    sender: str
    sender_id: str
    text: str
    private: bool = False


class CommandInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`usage` shows the arguments without prefix and name: `2d6+1`."""

    name: str
    plugin: str
    help: str
    usage: str = ""


class CommandReply(msgspec.Struct, frozen=True, tag="reply"):
    """What the command says; empty means it says nothing."""

    text: str


class CommandUnknown(msgspec.Struct, frozen=True, tag="unknown"):
    """`suggestions` are command names near to what was typed, best first."""

    suggestions: tuple[str, ...] = ()


class CommandFailed(msgspec.Struct, frozen=True, tag="failed"):
    """`detail` is fit to be shown in the chat."""

    detail: str


class RunCommand(Request[CommandReply | CommandUnknown | CommandFailed]):
    """`idempotency_key` names this one piece of work: what the command does to the world is done at most once, however often
    it is asked."""

    topic = "plugins.command.run"
    permission = "plugins.command.run"
    command: str
    arguments: tuple[str, ...]
    message: ChatMessage
    idempotency_key: str | None = None


class CommandList(msgspec.Struct, frozen=True, tag="commands"):
    commands: tuple[CommandInfo, ...]


class ListCommands(Request[CommandList]):
    topic = "plugins.command.list"
    permission = "plugins.command.run"


class PluginToolResult(msgspec.Struct, frozen=True, tag="result"):
    result: JSON


class PluginToolFailed(msgspec.Struct, frozen=True, tag="failed"):
    """`reason` is `error` or `unknown_outcome` (it may or may not have acted)."""

    detail: str
    reason: str = "error"


class RunPluginTool(Request[PluginToolResult | PluginToolFailed]):
    """Asked by `tools` once arguments, permission and limits have been checked."""

    topic = "plugins.tool.run"
    permission = "tools.tool.run"
    tool: str
    arguments: dict[str, JSON]
    idempotency_key: str | None = None


class PluginEnabled(Event, durable=True):
    topic = "plugins.plugin.enabled"
    permission = "plugins.plugin.read"
    plugin: str
    version: str


class PluginDisabled(Event, durable=True):
    topic = "plugins.plugin.disabled"
    permission = "plugins.plugin.read"
    plugin: str


class PluginFailed(Event, durable=True):
    topic = "plugins.plugin.failed"
    permission = "plugins.plugin.read"
    plugin: str
    detail: str
