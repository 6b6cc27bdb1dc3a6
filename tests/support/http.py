"""An HTTP application without a database: the kernel's parts, a bus, and an authenticator that takes names for tokens."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from litestar import Litestar
from tests.support.bus import BusForTests

from vivesphere.kernel import principals
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.log_extent import LogExtent
from vivesphere.kernel.errors import NotSignedIn
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.http.feed import History
from vivesphere.kernel.http.server import HttpKernel, build_http
from vivesphere.kernel.module import Module
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.services import ServiceRegistry
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.telemetry import Metrics


@dataclass
class NamesAsTokens:
    """`authenticate("ada")` is ada's session, unless she was signed out. Her session takes cookies, `vic`'s does not."""

    bus: BusForTests
    signed_out: set[str] = field(default_factory=set)

    async def authenticate(self, token: str) -> Session:
        if token in self.signed_out or token not in ("ada", "vic"):
            raise NotSignedIn("This token is not valid.")
        expires = self.bus.clock.now() + timedelta(minutes=10)
        csrf = "ada's csrf" if token == "ada" else ""
        return Session(principal=principals.user(token), username=token, expires_at=expires, csrf=csrf)


class EmptyLog:
    """The event log of a server that records nothing."""

    async def extent(self) -> LogExtent:
        return LogExtent(log_id="00000000", oldest=None, newest=0, events=0, bytes=0)

    async def after(self, _seq: int, _query: HistoryQuery, _limit: int = 500) -> tuple[RecordedEvent, ...]:
        return ()


@dataclass
class HttpForTests:
    """`ada` holds everything, `vic` nothing but `bots.bot.read`."""

    bus: BusForTests
    app: Litestar
    client: httpx.AsyncClient
    authenticator: NamesAsTokens
    kernel: HttpKernel

    @property
    def ada(self) -> dict[str, str]:
        return {"Authorization": "Bearer ada"}

    @property
    def vic(self) -> dict[str, str]:
        return {"Authorization": "Bearer vic"}


@asynccontextmanager
async def http_for(
    static: Path,
    *modules: Module,
    environ: Sequence[tuple[str, str]] = (),
    own: BusForTests | None = None,
    history: History | None = None,
) -> AsyncIterator[HttpForTests]:
    """The application of these modules over ASGI, in this very task, on a bus of its `own` or of ours."""
    async with own or BusForTests() as bus:
        bus.permissions.install(
            PermissionSnapshot(
                grants={
                    principals.user("ada"): {"*": frozenset({">"})},
                    principals.user("vic"): {"default": frozenset({"bots.bot.read"})},
                }
            )
        )
        authenticator = NamesAsTokens(bus)
        kernel = HttpKernel(
            bus=bus.system(),
            history=history or EmptyLog(),
            permissions=bus.permissions,
            services=ServiceRegistry(),
            settings=Settings.load(dict(environ), file=static / "vivesphere.toml"),
            clock=bus.clock,
            metrics=Metrics(),
            static=static,
            version="1.2.3",
            stopping=asyncio.Event(),
        )
        guarded = any(module.authenticator for module in modules)
        doorman = () if guarded else (Module(name="doorman", authenticator=authenticator),)
        app = build_http((*modules, *doorman), kernel)
        transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield HttpForTests(bus, app, client, authenticator, kernel)
