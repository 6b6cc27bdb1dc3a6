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
    tags = ["Plugins"]  # noqa: RUF012 - Litestar's documented spelling

    @get(summary="List plugins", guards=[requires("plugins.plugin.read")])
    async def list_plugins(
        self, plugins: PluginService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[Plugin]:
        return plugins.list_plugins(cursor, limit)

    @get("/{plugin_id:str}", summary="Describe a plugin", guards=[requires("plugins.plugin.read")])
    async def describe_plugin(self, plugins: PluginService, plugin_id: PluginId) -> Plugin:
        return plugins.describe(plugin_id)

    @post("/{plugin_id:str}/enable", summary="Enable a plugin", status_code=200, guards=[requires("plugins.plugin.write")])
    async def enable_plugin(self, plugins: PluginService, plugin_id: PluginId) -> Plugin:
        return await plugins.enable(plugin_id)

    @post("/{plugin_id:str}/disable", summary="Disable a plugin", status_code=200, guards=[requires("plugins.plugin.write")])
    async def disable_plugin(self, plugins: PluginService, plugin_id: PluginId) -> Plugin:
        return await plugins.disable(plugin_id)
