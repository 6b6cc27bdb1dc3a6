"""The module auth on a real database, with a clock that stands still and hashes that cost nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import structlog
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock
from tests.support.database import open_database
from tests.support.http import HttpForTests, http_for

from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.db import models as kernel
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.vault import Vault
from vivesphere.modules.auth import models
from vivesphere.modules.auth.keyring import Keyring
from vivesphere.modules.auth.module import build
from vivesphere.modules.auth.service import AuthService
from vivesphere.modules.auth.session_service import Client, Issued, SessionService

MODELS = (
    kernel.TableMetadata,
    kernel.LoggedEvent,
    models.UserRow,
    models.ProjectRow,
    models.MembershipRow,
    models.SessionRow,
    models.RefreshTokenRow,
    models.SigningKeyRow,
)
CHEAP = {"VIVESPHERE_AUTH_ARGON2_PASSES": "1", "VIVESPHERE_AUTH_ARGON2_MEMORY_KIB": "8", "VIVESPHERE_AUTH_ARGON2_LANES": "1"}
PASSWORD = "correct horse"
HOME = Client(address="10.0.0.1", agent="httpx/0.28")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BROWSER = Client(address="10.0.0.1", agent=FIREFOX, browser=True)


@dataclass
class AuthWorld:
    """`said` are the events that auth's units emitted, in order."""

    http: HttpForTests
    database: Database
    vault: Vault
    bus: BusForTests
    tmp_path: Path
    module: Module
    said: list[Event]

    @property
    def auth(self) -> AuthService:
        return auth_of(self.module)

    @property
    def sessions(self) -> SessionService:
        return sessions_of(self.module)

    @property
    def keyring(self) -> Keyring:
        keyring = self.module.provides["keyring"]
        assert isinstance(keyring, Keyring)
        return keyring

    @property
    def clock(self) -> FakeClock:
        return self.bus.clock

    async def add(self, username: str = "ada", role: str = "owner") -> None:
        await self.auth.add_user(username, PASSWORD, role)

    async def sign_in(self, username: str = "ada", client: Client = HOME) -> Issued:
        return await self.auth.login(username, PASSWORD, client)

    async def bearer(self, username: str = "ada") -> dict[str, str]:
        return {"Authorization": f"Bearer {(await self.sign_in(username)).access_token}"}

    async def restarted(self, environ: Mapping[str, str] | None = None, vault: Vault | None = None) -> Module:
        """The module as another process would build it, started."""
        module = build_auth(self.database, self.bus, vault or self.vault, self.tmp_path, environ or {})
        assert module.start is not None
        await module.start()
        return module


def auth_of(module: Module) -> AuthService:
    service = module.provides["auth"]
    assert isinstance(service, AuthService)
    return service


def sessions_of(module: Module) -> SessionService:
    service = module.provides["sessions"]
    assert isinstance(service, SessionService)
    return service


def command(module: Module, name: str) -> Any:
    return next(each.run for each in module.operator_commands if each.name == name)


def build_auth(database: Database, bus: BusForTests, vault: Vault, tmp_path: Path, environ: Mapping[str, str]) -> Module:
    parts: dict[str, Any] = dict.fromkeys(field.name for field in fields(ModuleContext))
    own = {
        "name": "auth",
        "principal": principals.module("auth"),
        "db": database.handle(principals.module("auth")),
        "vault": vault,
        "settings": Settings.load(CHEAP | dict(environ), file=tmp_path / "vivesphere.toml"),
        "permissions": bus.permissions,
        "clock": bus.clock,
        "log": structlog.get_logger("vivesphere.auth"),
    }
    return build(ModuleContext(**parts | own))


@asynccontextmanager
async def auth_world(tmp_path: Path, environ: Mapping[str, str] | None = None) -> AsyncIterator[AuthWorld]:
    bus = BusForTests()
    async with open_database(tmp_path, models=MODELS, clock=bus.clock) as database:
        said: list[Event] = []

        def dispatch(envelopes: Sequence[Envelope[Any]]) -> None:
            said.extend(envelope.payload for envelope in envelopes)

        database.hooks.dispatch = dispatch
        vault = Vault(bytes(32))
        module = build_auth(database, bus, vault, tmp_path, environ or {})
        async with http_for(tmp_path, module, own=bus) as http:
            assert module.start is not None
            await module.start()
            yield AuthWorld(http, database, vault, bus, tmp_path, module, said)
