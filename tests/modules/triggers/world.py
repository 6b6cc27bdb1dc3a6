"""The module triggers on a real bus, database and HTTP application; `plans` and `tools` are played by hand."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.modules.plans.world import PATIENCE, start_module
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock, settle
from tests.support.database import open_database

from vivesphere.contracts.plans import DescribePlan, PlanKnown, PlanRefused, RunAccepted, StartRun
from vivesphere.contracts.tools import (
    DescribeTool,
    RunTool,
    ToolDeclaration,
    ToolFailed,
    ToolRefused,
    ToolResult,
    ToolUnknown,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.cause import Cause, cause_for
from vivesphere.kernel.db.handle import Database, DatabaseHandle
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM
from vivesphere.modules.triggers.models import FiringRow, TriggerRow
from vivesphere.modules.triggers.module import build

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
EVERY_HOUR = {"cron": "0 * * * *"}


class Neighbours:
    """The plan `p1` and the tool `text.echo` exist. `before_run` is awaited before a run or a tool starts."""

    def __init__(self, bus: BusForTests) -> None:
        self.runs: dict[str, str] = {}
        self.started: list[tuple[StartRun, Cause]] = []
        self.tools: list[tuple[RunTool, Cause]] = []
        self.tool_reply: ToolResult | ToolRefused | ToolFailed | Exception = ToolResult(result=None, duration_ms=1)
        self.gone = False
        self.before_run: Callable[[], Any] | None = None
        plans, tools = bus.module("plans"), bus.module("tools")
        plans.respond(DescribePlan, self._describe_plan)
        plans.respond(StartRun, self._start_run)
        tools.respond(DescribeTool, self._describe_tool)
        tools.respond(RunTool, self._run_tool)

    async def _describe_plan(self, asked: DescribePlan) -> PlanKnown | PlanRefused:
        return PlanKnown("a plan", 1) if asked.plan_id == "p1" else PlanRefused(f"There is no plan {asked.plan_id}.")

    async def _start_run(self, asked: StartRun) -> RunAccepted | PlanRefused:
        self.started.append((asked, cause_for(SYSTEM)))
        if self.before_run is not None:
            await self.before_run()
        if self.gone:
            return PlanRefused(f"There is no plan {asked.plan_id}.")
        assert asked.idempotency_key is not None
        return RunAccepted(self.runs.setdefault(asked.idempotency_key, f"run {len(self.runs)}"))

    async def _describe_tool(self, asked: DescribeTool) -> ToolDeclaration | ToolUnknown:
        if asked.tool == "text.echo":
            return ToolDeclaration(name=asked.tool, description="", parameters={})
        return ToolUnknown(("text.echo",) if asked.tool.startswith("text") else ())

    async def _run_tool(self, asked: RunTool) -> ToolResult | ToolRefused | ToolFailed:
        self.tools.append((asked, cause_for(SYSTEM)))
        if isinstance(self.tool_reply, Exception):
            raise self.tool_reply
        return self.tool_reply


@dataclasses.dataclass
class World:
    """Everything around one running module triggers. `fired` are its TriggerFired events."""

    directory: Path
    bus: BusForTests
    database: Database
    fired: list[Envelope[Any]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.neighbours = Neighbours(self.bus)
        self.bus.system().listen("triggers.trigger.fired", self._hear)
        self._news = asyncio.Condition()

    @property
    def clock(self) -> FakeClock:
        return self.bus.clock

    async def start(self, db: DatabaseHandle | None = None) -> None:
        handle = db or self.database.handle(principals.module("triggers"))
        self.started = await start_module(build, "triggers", directory=self.directory, bus=self.bus, db=handle)
        self.client = self.started.client()

    async def stop(self) -> None:
        await self.client.aclose()
        assert not await self.started.lifetime.close()

    async def trigger(self, **given: Any) -> dict[str, Any]:
        """A trigger of plan `p1` at every full hour, unless told otherwise."""
        body = {"name": "t", "schedule": EVERY_HOUR, "action": {"kind": "plan", "plan_id": "p1"}, **given}
        answer = await self.client.post("/api/v1/triggers", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def ask(self, method: str, path: str) -> Any:
        answer = await self.client.request(method, f"/api/v1/triggers/{path}")
        assert answer.is_success, answer.text
        return answer.json()

    async def scheduler_sleeps(self) -> None:
        """Wait until the scheduler has seen the news and lies down until the next trigger is due."""
        async with asyncio.timeout(PATIENCE):
            while not any(not wake.done() for _, _, wake in self.clock._sleepers):  # noqa: ASYNC110 - the fake clock tells nobody
                await asyncio.sleep(0)

    async def pass_until(self, moment: datetime) -> None:
        """Let time pass in the steps the scheduler sleeps in."""
        while self.clock.now() < moment:
            await self.scheduler_sleeps()
            await self.clock.advance(min((moment - self.clock.now()).total_seconds(), 60))

    async def firings(self, count: int) -> list[dict[str, Any]]:
        """The events of so many firings, once they have been heard."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.fired) >= count)
        await settle()
        assert len(self.fired) == count
        return [{"outcome": each.payload.outcome, "detail": each.payload.detail} for each in self.fired]

    async def _hear(self, envelope: Envelope[Any]) -> None:
        async with self._news:
            self.fired.append(envelope)
            self._news.notify_all()


@asynccontextmanager
async def world_in(directory: Path) -> AsyncIterator[World]:
    async with BusForTests() as bus:
        held = {
            principals.user("ada"): {"*": frozenset({">"})},
            principals.user("vic"): {"*": frozenset({"triggers.trigger.read"})},
        }
        bus.permissions.install(PermissionSnapshot(grants=held))
        async with open_database(directory, models=(TriggerRow, FiringRow), clock=bus.clock) as database:
            database.hooks.check = bus.bus.check
            database.hooks.dispatch = bus.bus.dispatch
            world = World(directory, bus, database)
            await world.start()
            try:
                yield world
            finally:
                await world.stop()
