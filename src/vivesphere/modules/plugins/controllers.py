"""Plugins over HTTP."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import Parameter

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.plugins.schemas import Plugin
from vivesphere.modules.plugins.service import PluginService

PluginId = Annotated[str, Parameter(max_length=100, description="The plugin's id, such as dice.")]


class PluginController(Controller):
    path = "/api/v1/plugins"

    @get(guards=[requires("plugins.plugin.read")])
    async def list_plugins(
        self, plugins: PluginService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[Plugin]:
        """Every plugin there is, enabled or not."""
        return plugins.list_plugins(cursor, limit)

    @get("/{plugin_id:str}", guards=[requires("plugins.plugin.read")])
    async def describe_plugin(self, plugins: PluginService, plugin_id: PluginId) -> Plugin:
        """One plugin, with its commands and tools while it is enabled."""
        return plugins.describe(plugin_id)

    @post("/{plugin_id:str}/enable", status_code=200, guards=[requires("plugins.plugin.write")])
    async def enable_plugin(self, plugins: PluginService, plugin_id: PluginId) -> Plugin:
        """Enable a plugin, from now on and after every start."""
        return await plugins.enable(plugin_id)

    @post("/{plugin_id:str}/disable", status_code=200, guards=[requires("plugins.plugin.write")])
    async def disable_plugin(self, plugins: PluginService, plugin_id: PluginId) -> Plugin:
        """Disable a plugin. `detail` says what it left behind, if anything."""
        return await plugins.disable(plugin_id)
