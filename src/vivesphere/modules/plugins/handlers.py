"""Plugins on the bus."""

from vivesphere.contracts.plugins import (
    CommandFailed,
    CommandList,
    CommandReply,
    CommandUnknown,
    ListCommands,
    PluginToolFailed,
    PluginToolResult,
    RunCommand,
    RunPluginTool,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.cause import current_cause
from vivesphere.modules.plugins.service import PluginService


class PluginHandlers:
    def __init__(self, plugins: PluginService) -> None:
        self._plugins = plugins

    async def run_command(self, request: RunCommand) -> CommandReply | CommandUnknown | CommandFailed:
        return await self._plugins.run_command(request)

    async def list_commands(self, request: ListCommands) -> CommandList:
        return CommandList(self._plugins.list_commands())

    async def run_tool(self, request: RunPluginTool) -> PluginToolResult | PluginToolFailed:
        """Only from the module `tools`: anybody else would go around its limits."""
        cause = current_cause()
        if cause is None or cause.source != principals.module("tools"):
            raise NotPermitted(f"{RunPluginTool.topic} is asked by tools only; ask tools.run")
        return await self._plugins.run_tool(request)
