"""Hearing again: dead letters and replay, by one listener, and only what the caller may hear."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.modules.audit.world import AUTH, HEARER, PLANS, AuditWorld, audit_world

from vivesphere.contracts.auth import LoginFailed
from vivesphere.contracts.bots import MessageSent
from vivesphere.contracts.plans import RunStarted
from vivesphere.kernel import principals
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.dead_letters import DeadLetter
from vivesphere.kernel.principals import SYSTEM
from vivesphere.modules.audit import dead_letters
from vivesphere.modules.audit.dead_letters import DeadLetterService
from vivesphere.modules.audit.errors import LetterUnknown
from vivesphere.modules.audit.events import EventService

pytestmark = pytest.mark.usefixtures("engine")

BOTS = principals.module("bots")
PATH = "/api/v1/events/dead-letters"
REPLAY = "POST /api/v1/events/replay"
NOBODY = "0199c1f0-0000-7000-8000-000000000001"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AuditWorld]:
    async with audit_world(tmp_path) as world:
        yield world


def failed(name: str) -> LoginFailed:
    return LoginFailed(username=name, address="10.0.0.9")


def sent(channel: str, platform: str = "irc") -> MessageSent:
    return MessageSent(message_id="m", bot_id="b", account_id="a", platform=platform, channel=channel, text="hello")


async def letters(world: AuditWorld, query: str = "", who: str = "ada") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.get(f"{PATH}{query}", who))["items"]
    return found


async def given_up(world: AuditWorld) -> None:
    """Three dead letters: eve's failed login, and what was sent to a channel and to ada alone."""
    world.deaf = True
    await world.say(AUTH, failed("eve"))
    await world.say(BOTS, sent("#here"), sent("ada", platform="webchat"))
    world.deaf = False


async def test_dead_letters_are_listed_by_listener_and_topic_page_by_page(world: AuditWorld) -> None:
    await given_up(world)
    (letter,) = await letters(world, "?topic=auth.>")
    assert (letter["listener"], letter["attempts"], letter["error"]) == (HEARER, 1, "RuntimeError: I hear nothing")
    assert letter["event"]["data"]["username"] == "eve"
    assert await world.get(f"{PATH}/{letter['id']}") == letter
    assert len(await letters(world, f"?listener={HEARER}")) == 3
    assert await letters(world, "?listener=module:gone/away") == []
    first = await world.get(f"{PATH}?limit=2")
    rest = await world.get(f"{PATH}?limit=2&cursor={first['next_cursor']}")
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)


async def test_a_letter_that_is_retried_is_heard_and_gone(world: AuditWorld) -> None:
    await given_up(world)
    (letter,) = await letters(world, "?topic=auth.>")
    answer = await world.ask("POST", f"{PATH}/{letter['id']}/retry")
    assert (answer.status_code, answer.json()) == (202, letter)
    assert world.heard == ["auth.login.failed"]
    assert await letters(world, "?topic=auth.>") == []
    again = await world.ask("POST", f"{PATH}/{letter['id']}/retry")
    assert (again.status_code, again.json()["type"]) == (404, "urn:vivesphere:problem:dead-letter-unknown")


async def test_a_letter_that_is_dropped_is_gone_and_its_event_is_not(world: AuditWorld) -> None:
    await given_up(world)
    (letter,) = await letters(world, "?topic=auth.>")
    assert (await world.ask("DELETE", f"{PATH}/{letter['id']}")).status_code == 204
    assert (await world.ask("DELETE", f"{PATH}/{letter['id']}")).status_code == 404
    assert await letters(world, "?topic=auth.>") == []
    assert len((await world.get("/api/v1/events?topic=auth.>"))["items"]) == 1
    assert world.heard == []


async def test_all_that_one_may_hear_is_retried_or_dropped_at_once(world: AuditWorld) -> None:
    await given_up(world)
    world.allow("vic", "audit.event.read", "audit.event.replay", "bots.message.read")
    assert len(await letters(world, who="vic")) == 1
    assert (await world.ask("POST", f"{PATH}/retry", "vic", listener=HEARER)).json() == {"count": 1}
    assert world.heard == ["bots.message.sent"]
    assert (await world.ask("DELETE", f"{PATH}?topic=bots.>", "vic")).json() == {"count": 0}
    assert (await world.ask("DELETE", f"{PATH}?listener={HEARER}")).json() == {"count": 2}
    assert await letters(world) == []


async def test_a_letter_one_may_not_hear_is_not_there(world: AuditWorld) -> None:
    await given_up(world)
    (letter,) = await letters(world, "?topic=auth.>")
    world.allow("vic", "audit.event.read", "audit.event.replay")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry")):
        answer = await world.ask(method, f"{PATH}/{letter['id']}{path}", "vic")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:vivesphere:problem:dead-letter-unknown")
    assert (await world.ask("GET", f"{PATH}/{NOBODY}")).status_code == 404


async def test_who_may_only_read_decides_nothing(world: AuditWorld) -> None:
    world.allow("vic", "audit.event.read")
    asked: dict[str, Any] = {"listener": HEARER}
    for method, path, body in (
        ("POST", f"{PATH}/{NOBODY}/retry", {}),
        ("POST", f"{PATH}/retry", asked),
        ("DELETE", f"{PATH}/{NOBODY}", {}),
        ("DELETE", PATH, {}),
        ("POST", "/api/v1/events/replay", asked),
    ):
        answer = await world.ask(method, path, "vic", **body)
        assert (answer.status_code, "audit.event.replay" in answer.json()["detail"]) == (403, True), path


async def test_one_listener_hears_again_what_the_filter_names(world: AuditWorld) -> None:
    await world.say(AUTH, failed("eve"), failed("adam"))
    await world.say(BOTS, sent("#here"))
    await world.say(PLANS, RunStarted(run_id="r1", plan_id="p1"))
    world.heard.clear()
    asked: dict[str, Any] = {"listener": HEARER, "filter": {"category": "auth"}}
    expected = {"matched": 2, "queued": 2, "skipped": 0, "more": False}
    dry = await world.ask("POST", "/api/v1/events/replay", **asked, dry_run=True)
    assert (dry.status_code, dry.json(), world.heard) == (200, expected, [])
    assert (await world.ask("POST", "/api/v1/events/replay", **asked)).json() == expected
    assert world.heard == ["auth.login.failed again"] * 2
    everything = await world.ask("POST", "/api/v1/events/replay", listener=HEARER)
    assert everything.json()["queued"] == 3
    entries = (await world.get("/api/v1/audit/entries"))["items"]
    assert len(entries) == 2


async def test_a_person_replays_only_what_they_may_hear(world: AuditWorld) -> None:
    await world.say(AUTH, failed("eve"))
    await world.say(BOTS, sent("#here"), sent("ada", platform="webchat"))
    world.heard.clear()
    world.allow("vic", "audit.event.replay", "bots.message.read")
    for dry in (True, False):
        answer = await world.ask("POST", "/api/v1/events/replay", "vic", listener=HEARER, dry_run=dry)
        assert answer.json() == {"matched": 1, "queued": 1, "skipped": 0, "more": False}
    assert world.heard == ["bots.message.sent again"]


@pytest.mark.parametrize(
    ("asked", "body", "status", "said"),
    [
        (REPLAY, {"listener": "module:gone/away"}, 404, HEARER),
        (REPLAY, {"listener": HEARER, "filter": {"topic": "A.b"}}, 422, "/filter/topic"),
        (REPLAY, {"listener": HEARER, "filter": {"category": "a.b"}}, 422, "/filter/category"),
        (REPLAY, {"listener": HEARER, "filter": {"category": "A"}}, 422, "/filter/category"),
        (REPLAY, {"listener": HEARER, "filter": {"since": "2026-01-05T12:00:00"}}, 422, "/filter/since"),
        (REPLAY, {"listener": HEARER, "filter": {"sources": "x"}}, 422, "sources"),
        (REPLAY, {}, 422, "listener"),
        (f"GET {PATH}?topic=A.b", None, 422, "/topic"),
        (f"GET {PATH}?cursor=x", None, 422, "/cursor"),
        (f"POST {PATH}/retry", {"topic": ">.b"}, 422, "/topic"),
        (f"DELETE {PATH}?topic=A.b", None, 422, "/topic"),
    ],
)
async def test_a_bad_question_is_told_what_to_mend(
    world: AuditWorld, asked: str, body: dict[str, object] | None, status: int, said: str
) -> None:
    method, path = asked.split()
    answer = await world.http.client.request(method, path, headers=world.http.ada, json=body)
    assert answer.status_code == status
    assert said in answer.text


class Overtaken(Redelivery):
    """Between looking and deciding somebody else has dropped the letter."""

    async def find(self, letter_id: str) -> DeadLetter | None:
        letter = await super().find(letter_id)
        await self.drop((letter_id,))
        return letter


async def test_of_two_who_decide_at_once_the_later_is_told_that_it_is_gone(world: AuditWorld) -> None:
    await given_up(world)
    ids = [letter["id"] for letter in await letters(world)]
    events = world.module.provides["events"]
    assert isinstance(events, EventService)
    service = DeadLetterService(Overtaken(world.database.handle(SYSTEM), tuple), events)
    with acting_under(Cause(source=SYSTEM, actor=SYSTEM)):
        for decide, letter_id in ((service.retry, ids[0]), (service.drop, ids[1])):
            with pytest.raises(LetterUnknown):
                await decide(letter_id)
    assert [letter["id"] for letter in await letters(world)] == ids[2:]


async def test_all_are_dropped_however_many_pages_they_fill(world: AuditWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MAX_LIMIT", 1)
    await given_up(world)
    assert (await world.ask("DELETE", PATH)).json() == {"count": 3}
    assert await letters(world) == []
