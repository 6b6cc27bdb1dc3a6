"""Tools on the bus."""

from vivesphere.contracts.tools import (
    DescribeTool,
    RegisterPluginTools,
    RunTool,
    ToolDeclaration,
    ToolFailed,
    ToolRefused,
    ToolResult,
    ToolsRegistered,
    ToolsRejected,
    ToolUnknown,
    UnregisterPluginTools,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.cause import current_cause
from vivesphere.modules.tools.errors import RegistrationRefused, ToolNotFound
from vivesphere.modules.tools.service import ToolService


class ToolHandlers:
    def __init__(self, tools: ToolService) -> None:
        self._tools = tools

    async def run(self, request: RunTool) -> ToolResult | ToolRefused | ToolFailed:
        return await self._tools.run(request)

    async def describe(self, request: DescribeTool) -> ToolDeclaration | ToolUnknown:
        try:
            return self._tools.describe(request.tool)
        except ToolNotFound as error:
            return ToolUnknown(error.suggestions)

    async def register(self, request: RegisterPluginTools) -> ToolsRegistered | ToolsRejected:
        _only_modules()
        try:
            return ToolsRegistered(self._tools.register_plugin_tools(request))
        except RegistrationRefused as error:
            return ToolsRejected(error.detail)

    async def unregister(self, request: UnregisterPluginTools) -> ToolsRegistered:
        _only_modules()
        return ToolsRegistered(self._tools.unregister_plugin_tools(request.plugin))


def _only_modules() -> None:
    """A plugin with wide permissions must not register tools in another's name."""
    cause = current_cause()
    if cause is None or principals.kind(cause.source) != "module":
        raise NotPermitted("plugins' tools are registered by the server itself, when a plugin is enabled")
