"""What the audit log keeps of security events, and who may read which recorded event."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from tests.support.bus import BusForTests
from tests.support.database import open_database
from tests.support.http import HttpForTests, http_for

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded
from vivesphere.contracts.bots import MessageSent
from vivesphere.contracts.plans import RunStarted
from vivesphere.kernel import principals
from vivesphere.kernel.bus.durable import Acknowledgement, Delivery
from vivesphere.kernel.bus.log import DatabaseDeliveryLog, EventHistory
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db import models
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.module import ModuleContext
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal
from vivesphere.modules.audit.models import AuditEntryRow
from vivesphere.modules.audit.module import build
from vivesphere.modules.audit.service import entry_of

AUTH = principals.module("auth")
PLANS = principals.module("plans")
KERNEL = (
    *(models.TableMetadata, models.LoggedEvent, models.Effect, models.Installation),
    *(models.EventCursor, models.Delivery),
)


class KeyMade(Event):
    topic = "auth.user.key_made"
    secret = frozenset({"key"})
    user_id: str
    key: str
    name: str


@dataclass
class AuditWorld:
    http: HttpForTests
    database: Database
    bus: BusForTests
    keep: Callable[[Delivery[Any]], Awaitable[None]]

    async def say(self, principal: Principal, event: Event, project: str = "default") -> None:
        """Publish as the server does: written to the log, then dispatched; returns when it was heard."""
        with acting_under(Cause(source=principal, actor=principal, project=project)):
            await self.database.handle(principal).write(_emit, event)
        await self.bus.bus.settled()

    async def get(self, path: str, who: str = "ada") -> dict[str, Any]:
        answer = await self.http.client.get(path, headers={"Authorization": f"Bearer {who}"})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


def _emit(tx: Unit, event: Event) -> None:
    tx.emit(event)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AuditWorld]:
    bus = BusForTests()
    async with open_database(tmp_path, models=(AuditEntryRow, *KERNEL), clock=bus.clock) as database:
        database.hooks.dispatch = bus.bus.dispatch
        parts: dict[str, Any] = dict.fromkeys(field.name for field in fields(ModuleContext))
        own = {
            "name": "audit",
            "principal": principals.module("audit"),
            "db": database.handle(principals.module("audit")),
            "history": EventHistory(database.handle(SYSTEM)),
            "permissions": bus.permissions,
        }
        module = build(ModuleContext(**parts | own))
        async with http_for(tmp_path, module, own=bus) as http:
            bus.bus.read_with(DatabaseDeliveryLog(database.handle(SYSTEM), bus.clock))
            (listener,) = module.durable_listeners
            bus.module("audit").listen_durably(listener.to, listener.handler, name=listener.name)
            await bus.bus.settled()
            yield AuditWorld(http, database, bus, listener.handler)
            await bus.lifetime.close()


async def test_security_events_are_kept_newest_first_and_paged(world: AuditWorld) -> None:
    await world.say(AUTH, LoginFailed(username="eve", address="10.0.0.9"))
    await world.say(SYSTEM, TableAccessDenied(principal="plugin:dice", action="read", table="users"))
    await world.say(AUTH, LoginSucceeded(user_id="u1", address="10.0.0.1"))
    await world.say(PLANS, RunStarted(run_id="r1", plan_id="p1"))
    first = await world.get("/api/v1/audit/entries?limit=2")
    second = await world.get(f"/api/v1/audit/entries?limit=2&cursor={first['next_cursor']}")
    assert second["next_cursor"] is None
    entries = [*first["items"], *second["items"]]
    assert [(entry["action"], entry["category"], entry["subject"]) for entry in entries] == [
        ("auth.login.succeeded", "auth", "u1"),
        ("database.access_denied", "database", "plugin:dice"),
        ("auth.login.failed", "auth", "eve"),
    ]
    assert entries[1]["detail"] == '{"action":"read","table":"users"}'
    assert (entries[2]["actor"], entries[2]["at"]) == ("module:auth", "2026-01-05T12:00:00Z")


async def test_an_event_heard_twice_is_one_entry(world: AuditWorld) -> None:
    envelope = world.bus.bus.envelope(LoginFailed(username="eve", address="10.0.0.9"), Cause(source=AUTH, actor=AUTH))
    for attempt in (1, 2):
        await world.keep(Delivery(envelope, Acknowledgement("nobody", 1), attempt))
    await world.say(AUTH, LoginFailed(username="adam", address="10.0.0.9"))
    entries = (await world.get("/api/v1/audit/entries"))["items"]
    assert sorted(entry["subject"] for entry in entries) == ["adam", "eve"]


def test_a_secret_of_an_event_is_no_part_of_its_entry() -> None:
    cause = Cause(source=AUTH, actor=AUTH)
    envelope = BusForTests().bus.envelope(KeyMade(user_id="u1", key="swordfish", name="ci"), cause)
    assert (entry_of(envelope).subject, entry_of(envelope).detail) == ("u1", '{"name":"ci"}')


async def test_only_who_may_reads_the_entries(world: AuditWorld) -> None:
    answer = await world.http.client.get("/api/v1/audit/entries", headers=world.http.vic)
    assert answer.status_code == 403


async def test_recorded_events_are_found_by_what_they_are(world: AuditWorld) -> None:
    await world.say(PLANS, RunStarted(run_id="r1", plan_id="p1"))
    await world.bus.clock.advance(60)
    await world.say(AUTH, LoginSucceeded(user_id="u1", address="10.0.0.1"))
    await world.say(PLANS, RunStarted(run_id="r2", plan_id="p1"))
    everything = (await world.get("/api/v1/events"))["items"]
    assert [event["topic"] for event in everything] == ["plans.run.started", "auth.login.succeeded", "plans.run.started"]
    newest = everything[0]
    assert (newest["source"], newest["project"], newest["hop"]) == ("module:plans", "default", 0)
    assert newest["data"]["run_id"] == "r2"
    for query, expected in (
        ("topic=plans.%3E", 2),
        ("topic=*.login.*", 1),
        ("source=module:auth", 1),
        (f"correlation_id={newest['correlation_id']}", 1),
        ("since=2026-01-05T12:01:00Z", 2),
        ("until=2026-01-05T12:01:00Z", 1),
        ("since=2027-01-01T00:00:00Z", 0),
    ):
        assert len((await world.get(f"/api/v1/events?{query}"))["items"]) == expected, query
    page = await world.get("/api/v1/events?limit=2")
    rest = await world.get(f"/api/v1/events?limit=2&cursor={page['next_cursor']}")
    assert [event["seq"] for event in page["items"] + rest["items"]] == [event["seq"] for event in everything]


async def test_nobody_reads_afterwards_what_they_may_not_hear(world: AuditWorld) -> None:
    world.bus.permissions.install(
        PermissionSnapshot(grants={principals.user("vic"): {"default": frozenset({"audit.event.read", "plans.run.read"})}})
    )
    await world.say(AUTH, LoginFailed(username="eve", address="10.0.0.9"))
    await world.say(PLANS, RunStarted(run_id="r1", plan_id="p1"))
    await world.say(PLANS, RunStarted(run_id="r2", plan_id="p1"), project="elsewhere")
    assert [event["data"]["run_id"] for event in (await world.get("/api/v1/events", "vic"))["items"]] == ["r1"]


async def test_a_conversation_in_the_web_chat_is_read_by_its_person_alone(world: AuditWorld) -> None:
    def said(platform: str, channel: str) -> MessageSent:
        return MessageSent(message_id="m", bot_id="b", account_id="a", platform=platform, channel=channel, text=channel)

    bots = principals.module("bots")
    for platform, channel in (("webchat", "vic"), ("irc", "#here"), ("webchat", "ada")):
        await world.say(bots, said(platform, channel))
    read = [event["data"]["text"] for event in (await world.get("/api/v1/events"))["items"]]
    assert read == ["ada", "#here"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("topic=A.b", "/topic"),
        ("topic=%3E.b", "/topic"),
        ("since=2026-01-05T12:00:00", "/since"),
        ("until=yesterday", "/until"),
        ("cursor=x", "/cursor"),
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "/cursor"),
        ("limit=1000", "/limit"),
    ],
)
async def test_a_bad_question_names_the_field(world: AuditWorld, query: str, pointer: str) -> None:
    answer = await world.http.client.get(f"/api/v1/events?{query}", headers=world.http.ada)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
