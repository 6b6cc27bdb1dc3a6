"""Where plugins run: enabled in a lifetime of their own, called with a deadline, and never trusted not to raise.

This is the plugin boundary. Whatever a plugin's code raises becomes a sentence about that plugin, and the server goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from vivesphere.contracts.plugins import (
    CommandFailed,
    CommandInfo,
    CommandReply,
    PluginToolFailed,
    PluginToolResult,
    RunCommand,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import BusError
from vivesphere.kernel.cause import acting_under, cause_for
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.effect_errors import EffectUnknown
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.module import Handles
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.services import Health
from vivesphere.modules.plugins.discovery import FoundPlugin
from vivesphere.modules.plugins.outside import GatedHttp
from vivesphere.sdk import Command, Listener, Message, PluginContext, PluginError, Reply, Tool
from vivesphere.sdk.acts import working_on
from vivesphere.sdk.context import Tools
from vivesphere.sdk.loading import CODE, PluginCode, make_plugins
from vivesphere.sdk.manifest import Manifest, check_requirements
from vivesphere.sdk.sql import BrokeredSql

HOOK_DEADLINE = 10.0
LONGEST_REPLY = 4_000
LONGEST_DETAIL = 500

log = structlog.get_logger("vivesphere.plugins")


class PluginFault(Exception):
    """A plugin could not do what was asked of it; the message is fit for whoever asked."""


@dataclass(frozen=True, slots=True)
class RunningPlugin:
    """An enabled plugin, and all that hangs on it."""

    manifest: Manifest
    code: PluginCode
    context: PluginContext

    @property
    def commands(self) -> tuple[CommandInfo, ...]:
        return tuple(
            CommandInfo(name=each.name, plugin=self.manifest.id, help=each.help, usage=each.usage)
            for each in self.code.commands
        )

    def health(self) -> Health:
        """A plugin that has failed does not make the server unready: it is at most degraded."""
        try:
            said = self.code.health()
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - the plugin boundary: a raise is itself a finding
            return Health("degraded", _shown(error))
        return Health("degraded", said.detail) if said.status == "failed" else said


class Host:
    """The plugins that run in this process."""

    def __init__(
        self,
        *,
        issue: Callable[[Principal, Lifetime], Handles],
        permissions: Permissions,
        clock: Clock,
        lifetime: Lifetime,
    ) -> None:
        self._issue = issue
        self._permissions = permissions
        self._clock = clock
        self._lifetime = lifetime
        self._plugins = make_plugins()

    def load(self, found: FoundPlugin) -> RunningPlugin:
        """Import the plugin and give it what it may use. Raises PluginFault, with nothing left of it."""
        if found.manifest is None:
            raise PluginFault(found.problem)
        principal = principals.plugin(found.id)
        lifetime = self._lifetime.child(f"plugin {found.id}")
        try:
            check_requirements(found.manifest.requires)
            code = PluginCode.load(self._plugins, found.folder)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            log.warning("plugin_not_loaded", plugin=found.id, exc_info=True)
            raise PluginFault(f"{CODE}: {_shown(error)}") from error
        lifetime.add("code", code.unload)
        self._permissions.grant_plugin(principal, frozenset(found.manifest.permissions))
        lifetime.add("permissions", lambda: self._permissions.revoke_plugin(principal))
        handles = self._issue(principal, lifetime)
        context = PluginContext(
            id=found.id,
            bus=handles.bus,
            tools=Tools(handles.bus),
            http=GatedHttp(handles.effects),
            sql=BrokeredSql(handles.sql),
            config=found.config or {},
            log=structlog.get_logger(f"vivesphere.plugins.{found.id}"),
            clock=self._clock,
            lifetime=lifetime,
        )
        return RunningPlugin(found.manifest, code, context)

    async def begin(self, plugin: RunningPlugin) -> None:
        """Call `on_enable`, then let it hear what it listens to. Raises PluginFault."""
        try:
            with _for_itself(plugin):
                async with asyncio.timeout(HOOK_DEADLINE):
                    await _contained(plugin.code.on_enable(plugin.context))
            for each in plugin.code.listeners:
                plugin.context.bus.listen(each.pattern, _heard_by(plugin, each), name=f"{plugin.manifest.id}<{each.pattern}>")
        except Exception as error:
            log.warning("plugin_not_enabled", plugin=plugin.manifest.id, exc_info=True)
            raise PluginFault(f"on_enable: {_shown(error, HOOK_DEADLINE)}") from error

    async def end(self, plugin: RunningPlugin, *, begun: bool) -> str:
        """Call `on_disable` if the plugin had begun, and release everything it owns. Gives what went wrong, or nothing."""
        findings = []
        if begun:
            try:
                with _for_itself(plugin):
                    async with asyncio.timeout(HOOK_DEADLINE):
                        await _contained(plugin.code.on_disable(plugin.context))
            except Exception as error:
                log.warning("plugin_on_disable_failed", plugin=plugin.manifest.id, exc_info=True)
                findings.append(f"on_disable: {_shown(error, HOOK_DEADLINE)}")
        if left := await plugin.context.lifetime.close():
            findings.append(f"It left behind: {', '.join(left.items)}.")
        return " ".join(findings)[:LONGEST_DETAIL]

    async def run_command(self, plugin: RunningPlugin, command: Command, request: RunCommand) -> CommandReply | CommandFailed:
        """What the command says, or a sentence for the chat. Its deadline is kept by whoever asks."""
        message = Message(**msgspec.structs.asdict(request.message), command=request.command, arguments=request.arguments)
        try:
            with working_on(request.idempotency_key):
                said = await _contained(command.run(plugin.context, message))
            return CommandReply(_text(said)[:LONGEST_REPLY])
        except (PluginError, EffectUnknown) as error:
            return CommandFailed(str(error)[:LONGEST_DETAIL])
        except BusError:
            log.warning("plugin_command_refused", plugin=plugin.manifest.id, command=request.command, exc_info=True)
            return CommandFailed(f"{request.command} was not allowed to do what it tried. The log says more.")
        except Exception:
            log.exception("plugin_command_raised", plugin=plugin.manifest.id, command=request.command)
            return CommandFailed(f"Something went wrong in {request.command}. The log says what.")

    async def run_tool(
        self, plugin: RunningPlugin, tool: Tool, arguments: dict[str, Any], idempotency_key: str | None
    ) -> PluginToolResult | PluginToolFailed:
        """What the tool gives, as plain JSON. Its deadline is kept by whoever asks."""
        try:
            with working_on(idempotency_key):
                result = await _contained(tool.run(plugin.context, arguments))
            return PluginToolResult(msgspec.json.decode(msgspec.json.encode(result)))
        except EffectUnknown as error:
            return PluginToolFailed(error.detail, reason="unknown_outcome")
        except (PluginError, BusError, msgspec.ValidationError) as error:
            return PluginToolFailed(str(error)[:LONGEST_DETAIL])
        except Exception as error:
            log.exception("plugin_tool_raised", plugin=plugin.manifest.id, tool=tool.declaration.name)
            return PluginToolFailed(f"The tool has a bug: it raised {type(error).__name__}. The log says where.")


async def _contained(work: Awaitable[Any]) -> Any:
    """`sys.exit()` in a task would end the whole server, and a cancellation that nobody asked for the task that calls the
    plugin, with all that waits behind it; here they end the plugin's work only."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise PluginFault("it tried to end the server") from error
    except (asyncio.CancelledError, GeneratorExit) as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise PluginFault(f"it raised {type(error).__name__}") from error


@contextmanager
def _for_itself(plugin: RunningPlugin) -> Iterator[None]:
    """In its lifecycle hooks a plugin acts on its own authority, not on that of whoever enables it."""
    principal = plugin.context.bus.principal
    with acting_under(cause_for(principal).acting_as(principal)):
        yield


def _heard_by(plugin: RunningPlugin, listener: Listener) -> Callable[[Any], Awaitable[None]]:
    return lambda envelope: _contained(listener.run(plugin.context, envelope))


def _text(said: object) -> str:
    match said:
        case None:
            return ""
        case Reply(text=text):
            return text
        case str():
            return said
    raise TypeError(f"a command must return a Reply, a text or None, not {type(said).__name__}")


def _shown(error: BaseException, deadline: float = 0.0) -> str:
    if isinstance(error, TimeoutError):
        return f"it took longer than {deadline:g} s"
    return f"{type(error).__name__}: {error}"[:LONGEST_DETAIL]
