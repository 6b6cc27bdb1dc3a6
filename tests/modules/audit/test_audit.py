"""What the audit log keeps of security events."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.modules.audit.world import AUTH, PLANS, AuditWorld, audit_world
from tests.support.bus import BusForTests

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded
from vivesphere.contracts.plans import RunStarted
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.in_flight import Acknowledgement, InFlight
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.principals import SYSTEM
from vivesphere.modules.audit.service import entry_of

pytestmark = pytest.mark.usefixtures("engine")


class KeyMade(Event):
    topic = "auth.user.key_made"
    secret = frozenset({"key"})
    user_id: str
    key: str
    name: str


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AuditWorld]:
    async with audit_world(tmp_path) as world:
        yield world


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
    assert entries[1]["detail"] == '{"action":"read","table":"users","refused":1,"sql":""}'
    assert (entries[2]["actor"], entries[2]["at"]) == ("module:auth", "2026-01-05T12:00:00Z")


async def test_an_event_heard_twice_is_one_entry(world: AuditWorld) -> None:
    envelope = world.bus.bus.envelope(LoginFailed(username="eve", address="10.0.0.9"), Cause(source=AUTH, actor=AUTH))
    for attempt in (1, 2):
        await world.keep(Delivery(envelope, Acknowledgement("module:audit/nobody", 1, InFlight(0)), attempt))
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
