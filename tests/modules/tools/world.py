"""The module tools on a real bus, database and effects gate; the time stands still."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock, settle
from tests.support.database import open_database

from vivesphere.contracts.tools import DescribeTool, RegisterPluginTools, RunTool, ToolCompleted, UnregisterPluginTools
from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.models import Effect
from vivesphere.kernel.effects import Effects, EffectsSettings
from vivesphere.kernel.outbound import Outbound
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import Principal
from vivesphere.modules.auth.roles import CHAT
from vivesphere.modules.tools.builtin.catalog import BUILTIN
from vivesphere.modules.tools.builtin.context import BuiltinContext
from vivesphere.modules.tools.execution_log import ExecutionLog
from vivesphere.modules.tools.handlers import ToolHandlers
from vivesphere.modules.tools.models import ExecutionRow
from vivesphere.modules.tools.rates import Rates
from vivesphere.modules.tools.registry import Registry
from vivesphere.modules.tools.schemas import Execution
from vivesphere.modules.tools.service import ToolService
from vivesphere.modules.tools.settings import ToolsSettings
from vivesphere.sdk import Tool

ADA = principals.user("ada")
VIC = principals.user("vic")


@dataclass
class ToolWorld:
    bus: BusForTests
    clock: FakeClock
    service: ToolService
    executions: ExecutionLog
    effects: Effects
    completed: list[ToolCompleted] = field(default_factory=list)

    async def run(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        actor: Principal = ADA,
        source: str = "bots",
        **more: Any,
    ) -> Any:
        """Ask for a tool over the bus, as a module that acts for somebody."""
        asker = principals.module(source)
        with acting_under(Cause(source=asker, actor=actor)):
            return await self.bus.module(source).request(RunTool(tool=tool, arguments=dict(arguments or {}), **more))

    async def logged(self, tool: str) -> list[Execution]:
        await self.executions.flush()
        with acting_under(Cause(source=principals.module("tools"), actor=ADA)):
            return (await self.service.executions(tool, None, 50)).items

    async def heard(self) -> list[ToolCompleted]:
        await settle()
        return self.completed

    async def keep(self, envelope: Envelope[ToolCompleted]) -> None:
        self.completed.append(envelope.payload)


@asynccontextmanager
async def tools_in(tmp_path: Path, *extra: Tool, settings: ToolsSettings | None = None) -> AsyncIterator[ToolWorld]:
    """The builtin tools, and `extra` ones. `ada` may do everything, `vic` nothing."""
    settings = settings or ToolsSettings()
    async with BusForTests() as bus, open_database(tmp_path, models=(ExecutionRow, Effect), clock=bus.clock) as database:
        bus.permissions.install(PermissionSnapshot(grants={ADA: {"*": frozenset({">"})}}, members=CHAT))
        outbound = Outbound(EffectsSettings(allow_private_addresses=True))
        effects = Effects(
            db=database.handle(principals.SYSTEM),
            permissions=bus.permissions,
            outbound=outbound,
            clock=bus.clock,
            log=structlog.get_logger("test"),
        )
        handle, db = bus.module("tools"), database.handle(principals.module("tools"))
        executions = ExecutionLog(db, bus.clock, settings.keep_executions_days)
        context = BuiltinContext(effects=effects.handle(handle.principal), clock=bus.clock)
        service = ToolService(
            registry=Registry((*BUILTIN, *extra), context),
            rates=Rates(settings, bus.clock),
            executions=executions,
            db=db,
            bus=handle,
            permissions=bus.permissions,
            clock=bus.clock,
            max_result=settings.max_result,
        )
        handlers = ToolHandlers(service)
        handle.respond(RunTool, handlers.run)
        handle.respond(DescribeTool, handlers.describe)
        handle.respond(RegisterPluginTools, handlers.register)
        handle.respond(UnregisterPluginTools, handlers.unregister)
        world = ToolWorld(bus, bus.clock, service, executions, effects)
        bus.system().listen(ToolCompleted, world.keep)
        yield world
        await effects.close()
