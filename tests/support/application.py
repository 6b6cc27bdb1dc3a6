"""The whole server in this process, on a real database: everything but the socket."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.support import sabotage
from tests.support.process import PASSWORD

from vivesphere import app
from vivesphere.app import MODULES, Application, Build
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.module import ModuleContext
from vivesphere.kernel.settings import Settings


@dataclass
class RunningApplication:
    """`client` has signed in as `admin`, the owner; `anonymous` has not."""

    application: Application
    client: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    tokens: dict[str, Any]

    def context(self, name: str) -> ModuleContext:
        """The context that the module of that name was built from."""
        return next(context for module, context in self.application.modules if module.name == name)


@asynccontextmanager
async def running(
    tmp_path: Path,
    *,
    clock: Clock | None = None,
    extra: Mapping[str, Build] | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[RunningApplication]:
    """All modules, and `extra` ones of the test's own."""
    sabotage.apply()
    settings = Settings.load(
        {"VIVESPHERE_DATA_DIR": str(tmp_path / "data"), "VIVESPHERE_ADMIN_PASSWORD": PASSWORD, **(environ or {})}
    )
    async with app.running(settings, clock=clock, builds={**MODULES, **(extra or {})}) as application:
        asgi: Any = application.http  # Litestar spells the ASGI types out, httpx does not.
        transport = httpx.ASGITransport(app=asgi, raise_app_exceptions=False)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as anonymous,
        ):
            answer = await client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
            tokens = answer.raise_for_status().json()
            client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            yield RunningApplication(application, client, anonymous, tokens)
