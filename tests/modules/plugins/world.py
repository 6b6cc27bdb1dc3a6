"""The module plugins on a real bus and database, with plugins written for the test; `tools` is played by its own registry."""

import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from tests.kernel.http_peer import Peer, http_peer
from tests.support.bus import BusForTests
from tests.support.database import open_database

from vivesphere.contracts.plugins import ChatMessage, ListCommands, RunCommand, RunPluginTool
from vivesphere.contracts.tools import RegisterPluginTools, ToolsRegistered, ToolsRejected, UnregisterPluginTools
from vivesphere.kernel import principals
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.broker.broker import Broker
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.db.models import Effect, LoggedEvent
from vivesphere.kernel.effects import Effects, EffectsSettings
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.module import Handles
from vivesphere.kernel.outbound import Outbound
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.services import ServiceRegistry
from vivesphere.kernel.settings import Settings
from vivesphere.modules.auth.roles import CHAT
from vivesphere.modules.plugins.discovery import discover
from vivesphere.modules.plugins.handlers import PluginHandlers
from vivesphere.modules.plugins.host import Host
from vivesphere.modules.plugins.models import PluginRow, PluginTableRow
from vivesphere.modules.plugins.service import PluginService
from vivesphere.modules.plugins.tables import PluginTables

MEMBER = principals.member("a", "ann")
MODULE = principals.module("plugins")

MANIFEST = """
id = "{id}"
name = "Test"
version = "1.2"
description = "For a test."
enabled_by_default = {enabled}
{more}
"""

CODE = """
import asyncio
from vivesphere.sdk import *
from msgspec import Meta

"""


@dataclass
class PluginWorld:
    folder: Path
    bus: BusForTests
    database: Database
    effects: Effects
    peer: Peer
    registered: dict[str, tuple[str, ...]]
    refuse_tools: str = ""

    def write(self, plugin_id: str, code: str, *, enabled: bool = True, more: str = "", manifest: str | None = None) -> None:
        """A plugin's folder; its code may use every name of the SDK."""
        folder = self.folder / plugin_id
        folder.mkdir(exist_ok=True, parents=True)
        text = manifest if manifest is not None else MANIFEST.format(id=plugin_id, enabled=str(enabled).lower(), more=more)
        (folder / "plugin.toml").write_text(text, encoding="utf-8")
        (folder / "plugin.py").write_text(CODE + textwrap.dedent(code), encoding="utf-8")

    async def start(self, environ: Mapping[str, str] | None = None) -> PluginService:
        """Find and start what was written, as a server does; called again, as one that starts again."""
        self.lifetime = Lifetime("plugins")
        self.services = ServiceRegistry()
        handle = BusHandle(self.bus.bus, MODULE, self.lifetime)
        settings = Settings.load(dict(environ or {}), file=self.folder / "vivesphere.toml")
        host = Host(issue=self._issue, permissions=self.bus.permissions, clock=self.bus.clock, lifetime=self.lifetime)
        db = self.database.handle(MODULE)
        grants = TableGrants(self.database.handle(principals.SYSTEM), self.database.refresh_access)
        found = discover(self.folder, settings)
        tables = PluginTables(db, self.database.refresh_access)
        self.service = PluginService(found, host, db=db, bus=handle, services=self.services, grants=grants, tables=tables)
        handlers = PluginHandlers(self.service)
        handle.respond(RunCommand, handlers.run_command)
        handle.respond(ListCommands, handlers.list_commands)
        handle.respond(RunPluginTool, handlers.run_tool)
        await self.service.start()
        return self.service

    async def stop(self) -> None:
        await self.service.stop()
        assert not await self.lifetime.close(1)

    async def say(self, command: str, *arguments: str, key: str | None = None) -> Any:
        """Give a command as a person in a chat does, through the module bots."""
        message = ChatMessage(
            message_id="m", bot_id="b", account_id="a", platform="irc", channel="#c", sender="ann", sender_id="ann", text="!"
        )
        with acting_under(Cause(source=principals.module("bots"), actor=MEMBER)):
            return await self.bus.module("bots").request(
                RunCommand(command=command, arguments=arguments, message=message, idempotency_key=key)
            )

    async def run(self, tool: str, arguments: dict[str, Any] | None = None, key: str | None = None) -> Any:
        with acting_under(Cause(source=principals.module("tools"), actor=MEMBER)):
            return await self.bus.module("tools").request(
                RunPluginTool(tool=tool, arguments=arguments or {}, idempotency_key=key)
            )

    def _issue(self, principal: Principal, lifetime: Lifetime) -> Handles:
        return Handles(
            bus=BusHandle(self.bus.bus, principal, lifetime),
            effects=self.effects.handle(principal),
            sql=Broker(self.database.handle, "sqlite", SqlGate()).handle(principal),
        )

    async def register(self, request: RegisterPluginTools) -> ToolsRegistered | ToolsRejected:
        if self.refuse_tools:
            return ToolsRejected(self.refuse_tools)
        self.registered[request.plugin] = tuple(each.name for each in request.tools)
        return ToolsRegistered(self.registered[request.plugin])

    async def unregister(self, request: UnregisterPluginTools) -> ToolsRegistered:
        return ToolsRegistered(self.registered.pop(request.plugin, ()))


@asynccontextmanager
async def plugins_in(tmp_path: Path) -> AsyncIterator[PluginWorld]:
    async with (
        BusForTests() as bus,
        open_database(tmp_path, models=(PluginRow, PluginTableRow, Effect, LoggedEvent), clock=bus.clock) as database,
        http_peer() as peer,
    ):
        bus.permissions.install(PermissionSnapshot(members=CHAT))
        database.hooks.dispatch = bus.bus.dispatch
        outbound = Outbound(EffectsSettings(allow_private_addresses=True))
        effects = Effects(
            db=database.handle(principals.SYSTEM),
            permissions=bus.permissions,
            outbound=outbound,
            clock=bus.clock,
            log=structlog.get_logger("test"),
        )
        (tmp_path / "plugins").mkdir()
        world = PluginWorld(tmp_path / "plugins", bus, database, effects, peer, {})
        tools = bus.module("tools")
        tools.respond(RegisterPluginTools, world.register)
        tools.respond(UnregisterPluginTools, world.unregister)
        yield world
        if hasattr(world, "service"):
            await world.stop()
        await effects.close()
