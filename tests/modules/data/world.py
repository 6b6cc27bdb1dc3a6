"""The module data over HTTP, on a database that has its tables and the kernel's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx
import structlog
from tests.support.bus import BusForTests
from tests.support.database import open_database
from tests.support.http import HttpForTests, http_for

from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.settings import Settings
from vivesphere.modules.data.models import CustomTableRow
from vivesphere.modules.data.module import build

ADA = principals.user("ada")
DATA = principals.module("data")
TABLES = "/api/v1/data/tables"
LEADS = f"{TABLES}/leads"
RECORDS = f"{LEADS}/records"

COLUMNS = [
    {"name": "name", "type": "text", "required": True},
    {"name": "email", "type": "text", "unique": True},
    {"name": "age", "type": "integer"},
    {"name": "score", "type": "number"},
    {"name": "open", "type": "boolean", "default": True},
    {"name": "due", "type": "date"},
    {"name": "seen", "type": "datetime"},
    {"name": "extra", "type": "json"},
]


@dataclass
class World:
    """`http.client` speaks as nobody; `ask` speaks as ada, who holds everything. `heard` is what was emitted, oldest first."""

    http: HttpForTests
    database: Database
    module: Module
    settings: Settings
    heard: list[Envelope[Any]]

    async def ask(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        """The JSON of the answer, whose status is to be this one."""
        answer = await self.send(method, path, **given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def send(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = self.http.ada | given.pop("headers", {})
        return await self.http.client.request(method, path, headers=headers, **given)

    async def create(self, name: str = "leads", columns: Any = COLUMNS, **more: Any) -> Any:
        return await self.ask("POST", TABLES, 201, json={"name": name, "columns": columns, **more})

    async def add(self, table: str = "leads", **values: Any) -> Any:
        return await self.ask("POST", f"{TABLES}/{table}/records", 201, json=values)

    async def found(self, table: str = "leads", **query: Any) -> list[Any]:
        """The records of one page."""
        page = await self.ask("GET", f"{TABLES}/{table}/records", params=query)
        items: list[Any] = page["items"]
        return items

    def events(self, *kinds: type[Event]) -> list[Event]:
        return [each.payload for each in self.heard if isinstance(each.payload, kinds)]


@asynccontextmanager
async def running_world(tmp_path: Path, **environ: str) -> AsyncIterator[World]:
    settings = Settings.load({f"VIVESPHERE_DATA_{name.upper()}": value for name, value in environ.items()})
    async with BusForTests() as bus, open_database(tmp_path, models=[CustomTableRow], clock=bus.clock) as database:
        heard: list[Envelope[Any]] = []
        database.hooks.dispatch = heard.extend
        given: dict[str, Any] = dict.fromkeys(field.name for field in fields(ModuleContext)) | {
            "name": "data",
            "principal": DATA,
            "bus": bus.module("data"),
            "db": database.handle(DATA),
            "access": database.access,
            "refresh_access": database.refresh_access,
            "settings": settings,
            "clock": bus.clock,
            "lifetime": Lifetime("data"),
            "log": structlog.get_logger(),
        }
        context = ModuleContext(**given)
        module = build(context)
        async with http_for(tmp_path, module, own=bus) as http:
            yield World(http, database, module, settings, heard)
        await context.lifetime.close()


def in_project(project: str) -> Any:
    """Everything inside the block is done by ada in that project."""
    return acting_under(Cause(source=SYSTEM, actor=ADA, project=project))
