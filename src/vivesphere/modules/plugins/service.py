"""Enabling and disabling plugins, and finding the one that answers."""

import asyncio
import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from vivesphere.contracts.plugins import (
    CommandFailed,
    CommandInfo,
    CommandReply,
    CommandUnknown,
    PluginToolFailed,
    PluginToolResult,
    RunCommand,
    RunPluginTool,
)
from vivesphere.contracts.tools import RegisterPluginTools, ToolsRejected, UnregisterPluginTools
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.cause import acting_under, cause_for
from vivesphere.kernel.db.access import USER_PREFIX, Granted
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.kernel.services import Health, ServiceRegistry
from vivesphere.modules.plugins import rules
from vivesphere.modules.plugins.discovery import FoundPlugin
from vivesphere.modules.plugins.errors import PluginCannotStart, PluginNotFound, TableRefused
from vivesphere.modules.plugins.host import Host, PluginFault, RunningPlugin
from vivesphere.modules.plugins.schemas import CommandView, Plugin, PluginState, Status
from vivesphere.modules.plugins.tables import PluginTables
from vivesphere.sdk import Command, Tool

_COMMAND = re.compile(r"[a-z][a-z0-9_-]{0,31}")

OWN_COMMANDS = frozenset({"help"})
"""Answered by the bots themselves; a plugin's would never be reached."""


class PluginService:
    def __init__(
        self,
        found: dict[str, FoundPlugin],
        host: Host,
        *,
        db: DatabaseHandle,
        bus: BusHandle,
        services: ServiceRegistry,
        grants: TableGrants,
        tables: PluginTables,
    ) -> None:
        self._found = found
        self._host = host
        self._db = db
        self._bus = bus
        self._services = services
        self._grants = grants
        self._tables = tables
        self._states: dict[str, PluginState] = {}
        self._running: dict[str, RunningPlugin] = {}
        self._commands: dict[str, tuple[RunningPlugin, Command]] = {}
        self._tools: dict[str, tuple[RunningPlugin, Tool]] = {}
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Enable what was enabled when the server stopped, and, seen for the first time, what its manifest wants enabled."""
        await self._grants.keep_plugins(self._found)
        self._states = await self._db.read(rules.states)
        for plugin_id, found in self._found.items():
            state = self._states.get(plugin_id)
            wanted = state.status != "disabled" if state else found.manifest is None or found.manifest.enabled_by_default
            if wanted:
                await self._try_to_enable(found)
            elif state is None:
                self._states[plugin_id] = _state(found, "disabled")

    async def stop(self) -> None:
        """End every plugin; what was enabled stays so for the next start."""
        for plugin in tuple(self._running.values()):
            await self._end(plugin)

    def list_plugins(self, cursor: str | None, limit: int) -> Page[Plugin]:
        after = decode_cursor(cursor, str) or ""
        found = [self._view(each) for plugin_id, each in sorted(self._found.items()) if plugin_id > after]
        return page(found, limit, lambda each: each.id)

    def describe(self, plugin_id: str) -> Plugin:
        """Raises PluginNotFound."""
        return self._view(self._find(plugin_id))

    async def enable(self, plugin_id: str) -> Plugin:
        """Enable a plugin, or do nothing if it is. Raises PluginNotFound, or PluginCannotStart: it is in `error` then."""
        found = self._find(plugin_id)
        async with self._changing:
            if plugin_id not in self._running:
                await self._try_to_enable(found)
        if plugin_id not in self._running:
            raise PluginCannotStart(f"{plugin_id} cannot be enabled. {self._states[plugin_id].detail}")
        return self._view(found)

    async def disable(self, plugin_id: str) -> Plugin:
        """Disable a plugin, or do nothing if it is. What it left behind is in the detail. Raises PluginNotFound."""
        found = self._find(plugin_id)
        async with self._changing:
            if self._states[plugin_id].status != "disabled":
                plugin = self._running.get(plugin_id)
                detail = await self._end(plugin) if plugin else ""
                await self._settle(_state(found, "disabled", detail))
        return self._view(found)

    def list_commands(self) -> tuple[CommandInfo, ...]:
        """All commands there are now, by name."""
        return tuple(
            sorted((each for plugin in self._running.values() for each in plugin.commands), key=lambda each: each.name)
        )

    async def run_command(self, request: RunCommand) -> CommandReply | CommandUnknown | CommandFailed:
        found = self._commands.get(request.command)
        if found is None:
            return CommandUnknown(tuple(difflib.get_close_matches(request.command[:100], self._commands, n=3)))
        return await self._host.run_command(*found, request)

    async def run_tool(self, request: RunPluginTool) -> PluginToolResult | PluginToolFailed:
        found = self._tools.get(request.tool)
        if found is None:
            return PluginToolFailed(f"The plugin of {request.tool} is not enabled.")
        return await self._host.run_tool(*found, request.arguments, request.idempotency_key)

    def health(self) -> Health:
        """Degraded while a plugin is in `error`: the server serves on without it."""
        failed = sorted(plugin_id for plugin_id, state in self._states.items() if state.status == "error")
        return Health("degraded", f"In error: {', '.join(failed)}.") if failed else Health()

    def _find(self, plugin_id: str) -> FoundPlugin:
        if plugin_id not in self._found:
            raise PluginNotFound(plugin_id)
        return self._found[plugin_id]

    async def _try_to_enable(self, found: FoundPlugin) -> None:
        """A plugin that cannot be enabled goes to `error` and leaves nothing behind. The server goes on."""
        try:
            with self._own_authority():
                await self._begin(self._host.load(found))
            state = _state(found, "enabled")
        except (PluginFault, TableRefused) as fault:
            state = _state(found, "error", str(fault))
        await self._settle(state)

    async def _begin(self, plugin: RunningPlugin) -> None:
        begun = False
        try:
            self._check_commands(plugin)
            await self._tables.bring_up_to_date(plugin.manifest)
            await self._ask_for_tables(plugin)
            await self._host.begin(plugin)
            begun = True
            await self._register_tools(plugin)
        except BaseException:
            await self._host.end(plugin, begun=begun)
            raise
        plugin_id = plugin.manifest.id
        self._running[plugin_id] = plugin
        self._commands |= {each.name: (plugin, each) for each in plugin.code.commands}
        self._tools |= {each.declaration.name: (plugin, each) for each in plugin.code.tools}
        plugin.context.lifetime.add("service entry", self._services.register(f"plugin:{plugin_id}", plugin.health))

    async def _end(self, plugin: RunningPlugin) -> str:
        """Nothing reaches the plugin any more before it is told; gives what went wrong."""
        plugin_id = plugin.manifest.id
        del self._running[plugin_id]
        for each in plugin.code.commands:
            del self._commands[each.name]
        for tool in plugin.code.tools:
            del self._tools[tool.declaration.name]
        with self._own_authority():
            await self._bus.request(UnregisterPluginTools(plugin=plugin_id))
            return await self._host.end(plugin, begun=True)

    def _check_commands(self, plugin: RunningPlugin) -> None:
        names = [each.name for each in plugin.code.commands]
        for name in names:
            if not _COMMAND.fullmatch(name):
                raise PluginFault(f"The command {name!r} must be a lower-case word of letters, digits, '_' and '-'.")
            if name in OWN_COMMANDS or names.count(name) > 1:
                raise PluginFault(f"The command {name!r} is taken: it is the server's own, or declared twice.")
            if name in self._commands:
                owner = self._commands[name][0].manifest.id
                raise PluginFault(f"The command {name!r} belongs to the plugin {owner} already.")

    async def _ask_for_tables(self, plugin: RunningPlugin) -> None:
        """Remembered until somebody decides; the plugin is enabled all the same, and may nothing with them meanwhile."""
        principal = plugin.context.bus.principal
        wanted = {
            Granted(principal, action, USER_PREFIX + each.table) for each in plugin.manifest.data for action in each.actions
        }
        await self._grants.ask(principal, wanted)

    async def _register_tools(self, plugin: RunningPlugin) -> None:
        declared = tuple(each.declaration for each in plugin.code.tools)
        if not declared:
            return
        reply = await self._bus.request(RegisterPluginTools(plugin=plugin.manifest.id, tools=declared))
        if isinstance(reply, ToolsRejected):
            raise PluginFault(reply.detail)

    async def _settle(self, state: PluginState) -> None:
        """Remembered and told only if something changed: a restart is no news."""
        if self._states.get(state.id) != state:
            self._states[state.id] = state
            await self._db.write(rules.settle, state)

    @contextmanager
    def _own_authority(self) -> Iterator[None]:
        """Whoever may enable plugins need not hold what enabling them takes."""
        own = self._bus.principal
        with acting_under(cause_for(own).acting_as(own)):
            yield

    def _view(self, found: FoundPlugin) -> Plugin:
        state = self._states[found.id]
        code = self._running[found.id].code if found.id in self._running else None
        manifest = found.manifest
        return Plugin(
            id=found.id,
            name=manifest.name if manifest else found.id,
            version=state.version,
            description=manifest.description if manifest else "",
            status=state.status,
            detail=state.detail,
            commands=[CommandView(name=each.name, help=each.help, usage=each.usage) for each in code.commands] if code else [],
            tools=[each.declaration.name for each in code.tools] if code else [],
        )


def _state(found: FoundPlugin, status: Status, detail: str = "") -> PluginState:
    version = found.manifest.version if found.manifest else ""
    return PluginState(id=found.id, version=version, status=status, detail=detail)
