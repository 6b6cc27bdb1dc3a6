"""The module plans on a real bus, database and HTTP application; `tools` and `bots` are played by hand."""

import asyncio
import dataclasses
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import structlog
from litestar import Litestar
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock
from tests.support.database import open_database
from tests.support.http import EmptyLog

from vivesphere.contracts.bots import MessageQueued, MessageRefused, SendMessage
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
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.cause import Cause, Mode, cause_for
from vivesphere.kernel.db.handle import Database, DatabaseHandle
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.errors import NotSignedIn
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.http.server import HttpKernel, build_http
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.services import ServiceRegistry
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.startup import begin, wire
from vivesphere.kernel.telemetry import Metrics
from vivesphere.modules.plans.models import PlanRow, PlanVersionRow, RunRow, RunStepRow
from vivesphere.modules.plans.module import build

MODELS: tuple[type[Model], ...] = (PlanRow, PlanVersionRow, RunRow, RunStepRow)
PATIENCE = 10.0

ToolReply = ToolResult | ToolRefused | ToolFailed
Answer = Callable[[RunTool], Awaitable[ToolReply]]


async def echo(asked: RunTool) -> ToolReply:
    return ToolResult(result=asked.arguments, duration_ms=0.1, dry_run=asked.dry_run)


class Gate:
    """What the effects gate keeps of acts: with a key, an act is begun once, and its result is known if it ended."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.done: dict[str, ToolReply] = {}
        self.acts: Counter[str] = Counter()
        """How often something really happened, by what the tool was told."""


class Tools:
    """`text.echo` has no effect, `world.write` acts through the gate; `answers` has what else there is."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.answers: dict[str, Answer] = {"text.echo": echo}
        self.asked: list[tuple[RunTool, Cause]] = []
        self.interrupt: Callable[[str], Awaitable[None]] | None = None

    def answer_on(self, bus: BusHandle) -> None:
        bus.respond(RunTool, self._run)
        bus.respond(DescribeTool, self._describe)

    async def _describe(self, asked: DescribeTool) -> ToolDeclaration | ToolUnknown:
        if asked.tool not in (*self.answers, "world.write"):
            return ToolUnknown(("text.echo",) if asked.tool.startswith("text.") else ())
        return ToolDeclaration(name=asked.tool, description="", parameters={})

    async def _run(self, asked: RunTool) -> ToolReply:
        self.asked.append((asked, cause_for(SYSTEM)))
        if asked.tool == "world.write":
            return await self._write(asked)
        if asked.tool not in self.answers:
            return ToolRefused(reason="unknown_tool", detail=f"There is no tool {asked.tool}.")
        return await self.answers[asked.tool](asked)

    async def _write(self, asked: RunTool) -> ToolReply:
        key = asked.idempotency_key
        assert key is not None
        if key in self.gate.done:
            return self.gate.done[key]
        if key in self.gate.begun:
            return ToolFailed(reason="unknown_outcome", detail="It may or may not have acted.", duration_ms=0.1)
        await self._point("intended")
        self.gate.begun.add(key)
        await self._point("begun")
        self.gate.acts[str(asked.arguments["what"])] += 1
        await self._point("acted")
        self.gate.done[key] = ToolResult(result={"wrote": asked.arguments["what"]}, duration_ms=0.1)
        await self._point("done")
        return self.gate.done[key]

    async def _point(self, name: str) -> None:
        if self.interrupt is not None:
            await self.interrupt(name)


class Bots:
    """Queues each message once for its key. A bot named `nobody` does not exist."""

    def __init__(self) -> None:
        self.queued: dict[str, SendMessage] = {}

    def answer_on(self, bus: BusHandle) -> None:
        bus.respond(SendMessage, self._send)

    async def _send(self, asked: SendMessage) -> MessageQueued | MessageRefused:
        if asked.bot_id == "nobody":
            return MessageRefused("There is no bot nobody.")
        assert asked.idempotency_key is not None
        if cause_for(SYSTEM).mode is Mode.LIVE:
            self.queued.setdefault(asked.idempotency_key, asked)
        return MessageQueued(f"message for {asked.idempotency_key}")


class NamesAsTokens:
    """`ada` and `vic` are users; a token is its own name."""

    async def authenticate(self, token: str) -> Session:
        if token not in ("ada", "vic"):
            raise NotSignedIn("This token is not valid.")
        expires = FakeClock().now() + timedelta(hours=1)
        return Session(principal=principals.user(token), username=token, expires_at=expires)


@dataclasses.dataclass
class Started:
    """One module that runs, until its lifetime is closed."""

    module: Module
    lifetime: Lifetime
    services: ServiceRegistry
    app: Litestar

    def client(self, user: str = "ada") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(cast("Any", self.app), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {user}"}
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


async def start_module(
    build_module: Callable[[ModuleContext], Module],
    name: str,
    *,
    directory: Path,
    bus: BusForTests,
    db: DatabaseHandle,
    environ: Mapping[str, str] | None = None,
) -> Started:
    """Build a module and start it, as the server does. What it does not use stays away, so that using it fails."""
    lifetime, services = Lifetime(name), ServiceRegistry()
    principal = principals.module(name)
    parts: dict[str, Any] = {
        "name": name,
        "principal": principal,
        "bus": BusHandle(bus.bus, principal, lifetime),
        "db": db,
        "settings": Settings.load(dict(environ or {}), file=directory / "vivesphere.toml"),
        "permissions": bus.permissions,
        "services": services,
        "clock": bus.clock,
        "lifetime": lifetime,
        "log": structlog.get_logger(),
    }
    given: dict[str, Any] = {field.name: parts.get(field.name) for field in dataclasses.fields(ModuleContext)}
    context = ModuleContext(**given)
    module = build_module(context)
    wire(module, context)
    started = Started(module, lifetime, services, _http(module, directory, bus))
    await begin(module, context)
    return started


def _http(module: Module, directory: Path, bus: BusForTests) -> Litestar:
    static = directory / "static"
    static.mkdir(exist_ok=True)
    settings = Settings.load({}, file=directory / "vivesphere.toml")
    kernel = HttpKernel(
        bus=bus.system(),
        history=EmptyLog(),
        permissions=bus.permissions,
        settings=settings,
        services=ServiceRegistry(),
        clock=bus.clock,
        metrics=Metrics(),
        static=static,
        version="0",
        stopping=asyncio.Event(),
    )
    return build_http((module, Module(name="doorman", authenticator=NamesAsTokens())), kernel)


@dataclasses.dataclass
class World:
    """Everything around one running module plans. `events` are all of `plans.>`, in order."""

    directory: Path
    bus: BusForTests
    database: Database
    gate: Gate = dataclasses.field(default_factory=Gate)
    bots: Bots = dataclasses.field(default_factory=Bots)
    events: list[Envelope[Any]] = dataclasses.field(default_factory=list)
    environ: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tools = Tools(self.gate)
        self.tools.answer_on(self.bus.module("tools"))
        self.bots.answer_on(self.bus.module("bots"))
        self._news = asyncio.Condition()
        self.bus.system().listen("plans.>", self._hear)

    @property
    def clock(self) -> FakeClock:
        return self.bus.clock

    async def start(self, db: DatabaseHandle | None = None) -> None:
        """Start the module; after `stop`, a server that starts again."""
        self.started = await start_module(
            build,
            "plans",
            directory=self.directory,
            bus=self.bus,
            db=db or self.database.handle(principals.module("plans")),
            environ=self.environ,
        )
        self.client = self.started.client()

    async def stop(self) -> None:
        """Stop it as a dying process does: whatever runs is cancelled where it is."""
        await self.client.aclose()
        assert not await self.started.lifetime.close()

    async def plan(self, *steps: dict[str, Any], name: str = "a plan") -> str:
        answer = await self.client.post("/api/v1/plans", json={"name": name, "definition": {"steps": list(steps)}})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def run(self, *steps: dict[str, Any], **asked: Any) -> str:
        """Start a run of a new plan with these steps."""
        answer = await self.client.post(f"/api/v1/plans/{await self.plan(*steps)}/runs", json=asked)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    async def shown(self, run_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        run: dict[str, Any] = answer.json()
        return run

    async def ended(self, run_id: str, *topics: str) -> dict[str, Any]:
        """The run, once one of the events that end or block it has been heard."""
        wanted = topics or ("plans.run.completed", "plans.run.failed", "plans.run.blocked")
        await self.heard(lambda each: each.topic in wanted and each.payload.run_id == run_id)
        return await self.shown(run_id)

    async def heard(self, wanted: Callable[[Envelope[Any]], bool]) -> Envelope[Any]:
        """The first event that is wanted, waiting for it if need be."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: any(map(wanted, self.events)))
        return next(filter(wanted, self.events))

    async def asleep(self) -> None:
        """Wait until somebody sleeps on the clock."""
        async with asyncio.timeout(PATIENCE):
            while not any(  # noqa: ASYNC110 - the fake clock tells nobody who sleeps on it
                not wake.done() for _, _, wake in self.clock._sleepers
            ):
                await asyncio.sleep(0)

    async def _hear(self, envelope: Envelope[Any]) -> None:
        async with self._news:
            self.events.append(envelope)
            self._news.notify_all()


@asynccontextmanager
async def world_in(directory: Path) -> AsyncIterator[World]:
    async with BusForTests() as bus:
        held = {principals.user("ada"): {"*": frozenset({">"})}, principals.user("vic"): {"*": frozenset({"plans.plan.read"})}}
        bus.permissions.install(PermissionSnapshot(grants=held))
        async with open_database(directory, models=MODELS, clock=bus.clock) as database:
            database.hooks.check = bus.bus.check
            database.hooks.dispatch = bus.bus.dispatch
            yield World(directory, bus, database)


@asynccontextmanager
async def running_world() -> AsyncIterator[World]:
    """A world of its own directory, with the module started."""
    with tempfile.TemporaryDirectory() as directory:
        async with world_in(Path(directory)) as world:
            await world.start()
            try:
                yield world
            finally:
                await world.stop()
