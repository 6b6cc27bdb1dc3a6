"""Audit on a real database and a real bus, with a durable listener of the test's own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import httpx
from tests.support.bus import BusForTests
from tests.support.database import open_database
from tests.support.http import HttpForTests, http_for

from vivesphere.contracts.auth import LoginFailed
from vivesphere.contracts.bots import MessageSent
from vivesphere.kernel import principals
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.log import DatabaseDeliveryLog, EventHistory
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db import models
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal
from vivesphere.modules.audit.models import AuditEntryRow
from vivesphere.modules.audit.module import build

AUTH = principals.module("auth")
PLANS = principals.module("plans")
KERNEL = (
    *(models.TableMetadata, models.LoggedEvent, models.Effect, models.Installation),
    *(models.EventCursor, models.Delivery),
)
HEARER = "module:plans/hearer"


@dataclass
class AuditWorld:
    http: HttpForTests
    database: Database
    bus: BusForTests
    module: Module
    keep: Callable[[Delivery[Any]], Awaitable[None]]
    heard: list[str] = field(default_factory=list)
    deaf: bool = False

    async def say(self, principal: Principal, *events: Event, project: str = "default", cause: Cause | None = None) -> None:
        """Publish as the server does: written to the log, then dispatched; returns when it was heard."""
        with acting_under(cause or Cause(source=principal, actor=principal, project=project)):
            await self.database.handle(principal).write(_emit, *events)
        await self.bus.bus.settled()

    async def get(self, path: str, who: str = "ada") -> dict[str, Any]:
        answer = await self.ask("GET", path, who)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def ask(self, method: str, path: str, who: str = "ada", **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who}"}
        answer = await self.http.client.request(method, path, headers=headers, json=body or None)
        await self.bus.bus.settled()
        return answer

    def allow(self, who: str, *permissions: str) -> None:
        """What a person holds from now on; nobody else holds anything but ada, who holds everything."""
        grants = {principals.user("ada"): {"*": frozenset({">"})}, principals.user(who): {"default": frozenset(permissions)}}
        self.bus.permissions.install(PermissionSnapshot(grants=grants))

    async def hear(self, delivery: Delivery[Any]) -> None:
        """The durable listener of the test: it takes down what it hears, or fails at once while it is `deaf`."""
        if self.deaf:
            raise RuntimeError("I hear nothing")
        self.heard.append(f"{delivery.envelope.topic}{' again' if delivery.replayed else ''}")


def _emit(tx: Unit, *events: Event) -> None:
    for event in events:
        tx.emit(event)


@asynccontextmanager
async def audit_world(tmp_path: Path) -> AsyncIterator[AuditWorld]:
    bus = BusForTests()
    async with open_database(tmp_path, models=(AuditEntryRow, *KERNEL), clock=bus.clock) as database:
        database.hooks.dispatch = bus.bus.dispatch
        system = database.handle(SYSTEM)
        parts: dict[str, Any] = dict.fromkeys(each.name for each in fields(ModuleContext))
        own = {
            "name": "audit",
            "principal": principals.module("audit"),
            "bus": bus.module("audit"),
            "bus_overview": bus.bus.overview,
            "clock": bus.clock,
            "db": database.handle(principals.module("audit")),
            "history": EventHistory(system),
            "permissions": bus.permissions,
            "redelivery": Redelivery(system, lambda: tuple(bus.bus.durable)),
        }
        module = build(ModuleContext(**parts | own))
        async with http_for(tmp_path, module, own=bus, history=EventHistory(system)) as http:
            bus.bus.read_with(DatabaseDeliveryLog(system, bus.clock))
            (listener,) = module.durable_listeners
            world = AuditWorld(http, database, bus, module, listener.handler)
            bus.module("audit").listen_durably(listener.to, listener.handler, name=listener.name)
            bus.module("plans").listen_durably((LoginFailed, MessageSent), world.hear, name="hearer", max_deliver=1)
            await bus.bus.settled()
            yield world
            await bus.lifetime.close()
