"""The module bots on a real bus, database, effects gate and HTTP application; `plugins` and `secrets` are played by hand."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import msgspec
import structlog
from litestar import Litestar
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock
from tests.support.database import open_database
from tests.support.http import EmptyLog

from vivesphere.contracts.bots import BotMade, CreateBot, MessageQueued, SendMessage
from vivesphere.contracts.plugins import CommandInfo, CommandList, CommandReply, CommandUnknown, ListCommands, RunCommand
from vivesphere.contracts.secrets import RevealSecret, SecretStored, SecretUnknown, SecretValue, StoreSecret
from vivesphere.kernel import principals
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.log import DatabaseDeliveryLog
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.effects import Effects, EffectsSettings
from vivesphere.kernel.errors import NotSignedIn
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.http.server import HttpKernel, build_http
from vivesphere.kernel.lifetime import LeftBehind, Lifetime
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.kernel.outbound import Outbound
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.services import ServiceRegistry
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.startup import begin, wire
from vivesphere.kernel.telemetry import Metrics
from vivesphere.modules.auth.roles import CHAT
from vivesphere.modules.bots.models import AccountRow, BotRow, ChatMessageRow, OutboxRow, UnansweredRow
from vivesphere.modules.bots.module import build

E = TypeVar("E", bound=Event)

PATIENCE = 10.0
BOTS = principals.module("bots")

Answer = Callable[[RunCommand], Awaitable[Any]]


class Neighbours:
    """What bots ask other modules. `commands` says how each command is answered."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.asked: list[tuple[RunCommand, str]] = []
        self.commands: dict[str, Answer] = {"echo": self._echo}
        self.news = asyncio.Event()

    async def asked_for(self, count: int) -> None:
        """Return once that many commands were asked for."""
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < count:
                self.news.clear()
                await self.news.wait()

    def answer_on(self, bus: BusForTests) -> None:
        secrets, plugins = bus.module("secrets"), bus.module("plugins")
        secrets.respond(StoreSecret, self._store)
        secrets.respond(RevealSecret, self._reveal)
        plugins.respond(RunCommand, self._run)
        plugins.respond(ListCommands, self._list)

    async def _store(self, request: StoreSecret) -> SecretStored:
        secret_id = f"00000000-0000-7000-8000-{len(self.secrets):012}"
        self.secrets[secret_id] = request.value
        return SecretStored(secret_id)

    async def _reveal(self, request: RevealSecret) -> SecretValue | SecretUnknown:
        value = self.secrets.get(request.secret_id)
        return SecretUnknown() if value is None else SecretValue(value)

    async def _run(self, request: RunCommand) -> Any:
        self.asked.append((request, cause_for(SYSTEM).actor))
        self.news.set()
        answer = self.commands.get(request.command)
        return CommandUnknown(("echo",)) if answer is None else await answer(request)

    async def _list(self, _request: ListCommands) -> CommandList:
        return CommandList(tuple(CommandInfo(name=name, plugin="p", help="Helps.") for name in self.commands))

    @staticmethod
    async def _echo(request: RunCommand) -> CommandReply:
        return CommandReply(" ".join(request.arguments))


class NamesAsTokens:
    """`ada` and `bob` are users, `key` is an API key; a token is its own name."""

    def __init__(self, signed_out: set[str], expires_at: datetime) -> None:
        self._signed_out = signed_out
        self._expires_at = expires_at

    async def authenticate(self, token: str) -> Session:
        if token in self._signed_out or token not in ("ada", "bob", "key"):
            raise NotSignedIn("This token is not valid.")
        principal = principals.Principal("apikey:key") if token == "key" else principals.user(token)
        return Session(principal=principal, username=token, expires_at=self._expires_at)


@dataclasses.dataclass
class World:
    """Everything around one running module bots. `events` are all of `bots.>`, in order."""

    tmp_path: Path
    clock: Clock
    bus: BusForTests
    database: Database
    effects: Effects
    neighbours: Neighbours
    environ: dict[str, str]
    stopping: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    events: list[Envelope[Any]] = dataclasses.field(default_factory=list)
    signed_out: set[str] = dataclasses.field(default_factory=set)

    def __post_init__(self) -> None:
        self._news = asyncio.Condition()
        self._seen = 0
        self.bus.system().listen("bots.>", self._hear)

    async def start(self) -> None:
        """Build the module and start it, as the server does; after `stop`, a server that starts again."""
        self.lifetime = Lifetime("bots")
        self.services = ServiceRegistry()
        parts: dict[str, Any] = {
            "name": "bots",
            "principal": BOTS,
            "bus": BusHandle(self.bus.bus, BOTS, self.lifetime),
            "db": self.database.handle(BOTS),
            "effects": self.effects.handle(BOTS),
            "settings": Settings.load(self.environ, file=self.tmp_path / "vivesphere.toml"),
            "permissions": self.bus.permissions,
            "services": self.services,
            "clock": self.clock,
            "lifetime": self.lifetime,
            "log": structlog.get_logger(),
        }
        # What bots do not use stays away, so that using it fails here.
        used: dict[str, Any] = {field.name: parts.get(field.name) for field in dataclasses.fields(ModuleContext)}
        context = ModuleContext(**used)
        self.module = build(context)
        wire(self.module, context)
        self.app = self._http()
        await begin(self.module, context)

    async def stop(self) -> LeftBehind:
        assert self.module.stop is not None
        await self.module.stop()
        return await self.lifetime.close()

    def client(self, user: str = "ada") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(cast("Any", self.app), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {user}"}
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    async def ask(self, method: str, path: str, body: Any = None, user: str = "ada") -> Any:
        """The JSON of a successful answer."""
        async with self.client(user) as client:
            answer = await client.request(method, f"/api/v1{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, body: Any = None, user: str = "ada") -> tuple[int, str]:
        """Status and detail of a refusal."""
        async with self.client(user) as client:
            answer = await client.request(method, f"/api/v1{path}", json=body)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        return answer.status_code, answer.json()["detail"]

    async def event(self, kind: type[E], **fields: Any) -> E:
        """The next event of the kind with these fields that no earlier call has returned or passed over."""
        async with asyncio.timeout(PATIENCE), self._news:
            while True:
                while self._seen < len(self.events):
                    payload = self.events[self._seen].payload
                    self._seen += 1
                    if isinstance(payload, kind) and all(getattr(payload, name) == value for name, value in fields.items()):
                        return payload
                await self._news.wait()

    def happened(self, kind: type[E]) -> list[E]:
        """Every event of the kind so far."""
        return [envelope.payload for envelope in self.events if isinstance(envelope.payload, kind)]

    async def bot(self, name: str = "Vivi") -> str:
        made = await self.bus.system().request(CreateBot(name=name))
        assert isinstance(made, BotMade), made
        return made.bot_id

    async def send(self, bot_id: str, channel: str, text: str, **fields: Any) -> str:
        """Queue a message over the bus, as a plan does."""
        queued = await self.bus.system().request(SendMessage(bot_id=bot_id, channel=channel, text=text, **fields))
        assert isinstance(queued, MessageQueued), queued
        return queued.message_id

    async def _hear(self, envelope: Envelope[Any]) -> None:
        async with self._news:
            self.events.append(envelope)
            self._news.notify_all()

    def _http(self) -> Litestar:
        kernel = HttpKernel(
            bus=self.bus.system(),
            permissions=self.bus.permissions,
            services=ServiceRegistry(),
            settings=Settings.load({}, file=self.tmp_path / "vivesphere.toml"),
            clock=self.clock,
            metrics=Metrics(),
            history=EmptyLog(),
            static=self.tmp_path,
            version="0",
            stopping=self.stopping,
        )
        doorman = NamesAsTokens(self.signed_out, self.clock.now() + timedelta(hours=1))
        return build_http((self.module, Module(name="doorman", authenticator=doorman)), kernel)


@asynccontextmanager
async def world_in(tmp_path: Path, clock: Clock | None = None, **environ: str) -> AsyncIterator[World]:
    """A started world, without bots; stopped at the end, and then nothing is left behind."""
    clock = clock or FakeClock()
    models = (BotRow, AccountRow, ChatMessageRow, OutboxRow, UnansweredRow)
    async with BusForTests() as bus, open_database(tmp_path, models=models, clock=clock) as database:
        everything = {"*": frozenset({">"})}
        holders = (principals.user("ada"), principals.user("bob"), principals.Principal("apikey:key"))
        bus.permissions.install(PermissionSnapshot(grants=dict.fromkeys(holders, everything), members=CHAT))
        database.hooks.check = bus.bus.check
        database.hooks.dispatch = bus.bus.dispatch
        bus.bus.read_with(DatabaseDeliveryLog(database.handle(SYSTEM), clock))
        outbound = Outbound(EffectsSettings())
        effects = Effects(
            db=database.handle(SYSTEM), permissions=bus.permissions, outbound=outbound, clock=clock, log=structlog.get_logger()
        )
        neighbours = Neighbours()
        neighbours.answer_on(bus)
        world = World(tmp_path, clock, bus, database, effects, neighbours, environ)
        await world.start()
        try:
            yield world
        finally:
            left = await world.stop()
            await effects.close()
            assert not left, left


class ChatPage:
    """A browser on the chat: speaks ASGI, so that it needs no socket."""

    def __init__(self, world: World, bot_id: str, user: str = "ada") -> None:
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        path = f"/api/v1/bots/{bot_id}/chat"
        protocols = ["vivesphere.v1", f"bearer.{user}"]
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"test"), (b"sec-websocket-protocol", ", ".join(protocols).encode())],
            "subprotocols": protocols,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
            "extensions": {},
        }
        self._gone = False
        self._to_app.put_nowait({"type": "websocket.connect"})
        app = cast("Any", world.app)
        self.task = asyncio.ensure_future(app(scope, self._to_app.get, self._sent))

    async def opened(self) -> "ChatPage":
        message = await self._next()
        assert message == {"type": "websocket.accept", "subprotocol": "vivesphere.v1", "headers": []}, message
        return self

    async def frame(self) -> Any:
        message = await self._next()
        assert message["type"] == "websocket.send", message
        return msgspec.json.decode(message["text"])

    async def say(self, text: str) -> None:
        await self.raw(msgspec.json.encode({"type": "message", "text": text}).decode())

    async def raw(self, text: str) -> None:
        await self._to_app.put({"type": "websocket.receive", "text": text, "bytes": None})

    async def leave(self) -> None:
        await self._to_app.put({"type": "websocket.disconnect", "code": 1000})
        async with asyncio.timeout(PATIENCE):
            await self.task

    async def closed(self) -> int:
        """The close code, once the server has closed."""
        message = await self._next()
        while message["type"] != "websocket.close":
            message = await self._next()
        async with asyncio.timeout(PATIENCE):
            await self.task
        return int(message["code"])

    def vanish(self) -> None:
        """Be gone without a word: whoever sends is told so, as uvicorn tells it."""
        self._gone = True

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.task

    async def _sent(self, message: dict[str, Any]) -> None:
        if self._gone:
            raise OSError("the client is disconnected")
        await self._from_app.put(message)

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return await self._from_app.get()
