"""Reading recorded events: by what they are, one alone, with their chain of causes, and never what is not one's own to hear."""

from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.modules.audit.world import AUTH, HEARER, PLANS, AuditWorld, audit_world

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded
from vivesphere.contracts.bots import MessageSent
from vivesphere.contracts.plans import RunStarted
from vivesphere.kernel import principals
from vivesphere.kernel.bus.log import EventHistory
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db import effect_records
from vivesphere.kernel.db.effect_records import EffectRecord
from vivesphere.kernel.db.event_log import Chain
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.log_topics import log
from vivesphere.kernel.http.paging import encode_cursor
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM
from vivesphere.modules.audit.errors import EventUnknown
from vivesphere.modules.audit.events import EventService

pytestmark = pytest.mark.usefixtures("engine")

BOTS = principals.module("bots")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AuditWorld]:
    async with audit_world(tmp_path) as world:
        yield world


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
        ("cursor=WyIwMDAwMDAwMCIsOTk5OTk5OTk5OTk5OTk5OTk5OTld", "/cursor"),
        ("limit=1000", "/limit"),
    ],
)
async def test_a_bad_question_names_the_field(world: AuditWorld, query: str, pointer: str) -> None:
    answer = await world.http.client.get(f"/api/v1/events?{query}", headers=world.http.ada)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_category_is_the_first_part_of_the_topic(world: AuditWorld) -> None:
    await world.say(PLANS, RunStarted(run_id="r1", plan_id="p1"))
    await world.say(AUTH, LoginFailed(username="eve", address="10.0.0.9"))
    (event,) = (await world.get("/api/v1/events?category=plans"))["items"]
    assert event["topic"] == "plans.run.started"


async def test_a_cursor_of_another_database_is_refused(world: AuditWorld) -> None:
    await world.say(PLANS, *(RunStarted(run_id="r", plan_id="p1") for _ in range(3)))
    for path in ("/api/v1/events", "/api/v1/events/dead-letters"):
        position = ("ffffffff", 2 if path.endswith("events") else "0199c1f0-0000-7000-8000-000000000001")
        answer = await world.ask("GET", f"{path}?cursor={encode_cursor(position)}")
        assert answer.status_code == 400
        assert (answer.json()["type"], answer.json()["errors"][0]["pointer"]) == (
            "urn:vivesphere:problem:cursor-foreign",
            "/cursor",
        )
        assert "another database" in answer.json()["detail"]
    cursor = (await world.get("/api/v1/events?limit=1"))["next_cursor"]
    log_id, before = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    assert (log_id, before) == ((await world.get("/api/v1/bus"))["log"]["log_id"], 3)


async def test_one_event_is_read_alone_by_who_may_hear_it(world: AuditWorld) -> None:
    await world.say(AUTH, LoginFailed(username="eve", address="10.0.0.9"))
    (event,) = (await world.get("/api/v1/events"))["items"]
    assert await world.get(f"/api/v1/events/{event['id']}") == event
    world.allow("vic", "audit.event.read")
    for who, event_id in (("vic", event["id"]), ("ada", "0199c1f0-0000-7000-8000-000000000001")):
        for path in ("", "/chain"):
            answer = await world.ask("GET", f"/api/v1/events/{event_id}{path}", who)
            assert (answer.status_code, answer.json()["type"]) == (404, "urn:vivesphere:problem:event-unknown")


async def test_a_chain_is_whole_though_some_of_it_is_not_the_callers_to_hear(world: AuditWorld) -> None:
    start = Cause(source=PLANS, actor=PLANS)
    await world.say(PLANS, RunStarted(run_id="r1", plan_id="p1"), cause=start)
    (first,) = (await world.get("/api/v1/events"))["items"]
    await world.say(AUTH, LoginFailed(username="eve", address="10.0.0.9"), cause=start.after(first["id"]).seen_by(AUTH))
    second = (await world.get("/api/v1/events"))["items"][0]
    await world.say(PLANS, RunStarted(run_id="r2", plan_id="p1"), cause=start.after(first["id"]).after(second["id"]))
    await world.say(PLANS, RunStarted(run_id="r3", plan_id="p1"))
    acted = EffectRecord(
        id="e1",
        kind="http",
        target="https://example.org",
        source=PLANS,
        actor=PLANS,
        project="default",
        correlation_id=start.correlation_id,
        created_at=world.bus.clock.now(),
        status="done",
    )
    await world.database.handle(SYSTEM).write(effect_records.intend, acted)
    world.allow("vic", "audit.event.read", "plans.run.read")
    seen = await world.get(f"/api/v1/events/{first['id']}/chain", "vic")
    hidden: dict[str, object] = {"seq": None, "topic": "", "project": "", "source": "", "actor": "", "data": {}, "hidden": True}
    kept = {name: second[name] for name in ("id", "at", "correlation_id", "causation_id", "hop")}
    assert seen["events"][1] == kept | hidden
    assert [event["data"].get("run_id") for event in seen["events"]] == ["r1", None, "r2"]
    assert [event["causation_id"] for event in seen["events"]] == [None, first["id"], second["id"]]
    assert (seen["correlation_id"], seen["effects"], seen["truncated"]) == (start.correlation_id, [], False)
    whole = await world.get(f"/api/v1/events/{second['id']}/chain")
    assert [event["hidden"] for event in whole["events"]] == [False] * 3
    assert whole["effects"] == [
        {"id": "e1", "kind": "http", "target": "https://example.org", "status": "done", "at": "2026-01-05T12:00:00Z"}
    ]


async def test_the_bus_shows_who_listens_and_how_far_the_log_reaches(world: AuditWorld) -> None:
    await world.say(AUTH, LoginFailed(username="eve", address="10.0.0.9"))
    report = await world.get("/api/v1/bus")
    listeners = {each["name"]: each for each in report["subscribers"]}
    assert listeners[HEARER]["handled"] == 1
    assert listeners["module:audit/security"]["patterns"]
    assert (report["log"]["oldest"], report["log"]["newest"], report["log"]["events"]) == (1, 1, 1)
    world.allow("vic", "audit.event.read")
    assert (await world.ask("GET", "/api/v1/bus", "vic")).status_code == 403


def _garble(tx: Unit) -> None:
    tx.execute(log.update().values(payload={"message_id": 5}))


async def test_an_event_that_cannot_be_read_any_more_is_shown_to_nobody_it_may_not_be_for(world: AuditWorld) -> None:
    said = MessageSent(message_id="m", bot_id="b", account_id="a", platform="webchat", channel="ada", text="hello")
    await world.say(BOTS, said)
    await world.database.handle(SYSTEM).write(_garble)
    assert (await world.get("/api/v1/events"))["items"] == []


class Forgetful(EventHistory):
    """Between looking and reading retention has deleted what was there."""

    async def chain(self, event_id: str, limit: int = 1000) -> Chain | None:
        await self._db.write(_forget)
        return await super().chain(event_id, limit)


def _forget(tx: Unit) -> None:
    tx.execute(log.delete())


async def test_of_a_chain_that_goes_while_it_is_read_nothing_is_shown(world: AuditWorld) -> None:
    await world.say(AUTH, LoginFailed(username="eve", address="10.0.0.9"))
    (event,) = (await world.get("/api/v1/events"))["items"]
    history = Forgetful(world.database.handle(SYSTEM))
    service = EventService(principals.module("audit"), history, world.bus.permissions, world.bus.bus.overview)
    with acting_under(Cause(source=SYSTEM, actor=SYSTEM)), pytest.raises(EventUnknown):
        await service.chain(event["id"])
