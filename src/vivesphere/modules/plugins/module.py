"""The wiring of plugins."""

from vivesphere.contracts.plugins import (
    ListCommands,
    PluginDisabled,
    PluginEnabled,
    PluginFailed,
    RunCommand,
    RunPluginTool,
)
from vivesphere.kernel import paths
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.modules.plugins.controllers import PluginController
from vivesphere.modules.plugins.discovery import discover
from vivesphere.modules.plugins.handlers import PluginHandlers
from vivesphere.modules.plugins.host import Host
from vivesphere.modules.plugins.service import PluginService
from vivesphere.modules.plugins.tables import PluginTables


def build(context: ModuleContext) -> Module:
    host = Host(issue=context.issue, permissions=context.permissions, clock=context.clock, lifetime=context.lifetime)
    found = discover(paths.plugins(), context.settings)
    plugins = PluginService(
        found,
        host,
        db=context.db,
        bus=context.bus,
        services=context.services,
        grants=context.grants,
        tables=PluginTables(context.db, context.refresh_access),
    )
    handlers = PluginHandlers(plugins)
    return Module(
        name=context.name,
        responders={
            RunCommand: handlers.run_command,
            ListCommands: handlers.list_commands,
            RunPluginTool: handlers.run_tool,
        },
        publishes=(PluginEnabled, PluginDisabled, PluginFailed),
        routes=(PluginController,),
        provides={"plugins": plugins},
        start=plugins.start,
        stop=plugins.stop,
        health=plugins.health,
    )
