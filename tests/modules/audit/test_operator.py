"""What the operator asks from the command line: the same as over HTTP, as the one who may hear everything."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tests.modules.audit.world import AUTH, HEARER, AuditWorld, audit_world

from vivesphere.contracts.auth import LoginFailed
from vivesphere.contracts.bots import MessageSent
from vivesphere.kernel import principals
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.errors import Refusal
from vivesphere.kernel.principals import SYSTEM

NOBODY = "0199c1f0-0000-7000-8000-000000000001"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AuditWorld]:
    async with audit_world(tmp_path) as world:
        yield world


async def operate(world: AuditWorld, command: str, **arguments: Any) -> Any:
    (found,) = [each for each in world.module.operator_commands if each.name == f"audit.{command}"]
    with acting_under(Cause(source=SYSTEM, actor=SYSTEM)):
        answer = await found.run(arguments)
    await world.bus.bus.settled()
    return answer


def failed(name: str) -> LoginFailed:
    return LoginFailed(username=name, address="10.0.0.9")


async def test_history_and_chain_show_everything(world: AuditWorld) -> None:
    said = MessageSent(message_id="m", bot_id="b", account_id="a", platform="webchat", channel="ada", text="hello")
    await world.say(principals.module("bots"), said)
    await world.say(AUTH, failed("eve"), failed("adam"))
    assert [event["topic"] for event in await operate(world, "events.history", limit=2)] == ["auth.login.failed"] * 2
    (event,) = await operate(world, "events.history", filter={"topic": "bots.>"})
    assert event["data"]["text"] == "hello"
    chain = await operate(world, "events.chain", id=event["id"])
    assert [each["hidden"] for each in chain["events"]] == [False]


async def test_dead_letters_are_retried_and_dropped(world: AuditWorld) -> None:
    world.deaf = True
    await world.say(AUTH, failed("eve"), failed("adam"), failed("mallory"), failed("trent"))
    world.deaf = False
    letters = await operate(world, "letters.list", filter={"listener": HEARER}, limit=10)
    assert await operate(world, "letters.list", id=letters[0]["id"]) == [letters[0]]
    assert await operate(world, "letters.retry", id=letters[0]["id"]) == {"count": 1}
    assert await operate(world, "letters.drop", id=letters[1]["id"]) == {"count": 1}
    assert world.heard == ["auth.login.failed"]
    assert await operate(world, "letters.drop", filter={"topic": "bots.>"}) == {"count": 0}
    assert await operate(world, "letters.retry", filter={"topic": "auth.>"}) == {"count": 2}
    assert await operate(world, "letters.list") == []
    assert len(world.heard) == 3


async def test_a_listener_hears_again(world: AuditWorld) -> None:
    await world.say(AUTH, failed("eve"))
    assert (await operate(world, "events.replay", listener=HEARER, dry_run=True))["queued"] == 1
    assert (await operate(world, "events.replay", listener=HEARER))["queued"] == 1
    assert world.heard == ["auth.login.failed", "auth.login.failed again"]


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("events.history", {"filter": {"since": "yesterday"}}, "filter.since"),
        ("events.history", {"limit": 0}, "limit"),
        ("events.history", {"more": 1}, "more"),
        ("events.chain", {"id": NOBODY}, "no recorded event"),
        ("events.replay", {}, "listener"),
        ("letters.list", {"id": NOBODY}, "no dead letter"),
        ("letters.retry", {"id": NOBODY}, "no dead letter"),
        ("letters.drop", {"filter": {"topic": "A.b"}}, "topic"),
    ],
)
async def test_a_bad_question_is_a_refusal(world: AuditWorld, command: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        await operate(world, command, **arguments)


async def test_a_tail_brings_what_was_and_what_comes(world: AuditWorld) -> None:
    await world.say(AUTH, failed("eve"))
    (stream,) = world.module.operator_streams
    async with aclosing(stream.run({"topic": "auth.>", "after": 0})) as frames:
        begun, first = await anext(frames), await anext(frames)
        assert (begun["type"], first["data"]["username"]) == ("stream.subscribed", "eve")
        (watcher,) = [each for each in world.bus.bus.overview().subscribers if each.name == "tail"]
        assert (watcher.principal, watcher.patterns) == (SYSTEM, ("auth.>",))
        await world.say(AUTH, failed("adam"))
        assert (await anext(frames))["data"]["username"] == "adam"
    assert not world.bus.bus.watchers


async def test_a_tail_of_no_pattern_is_refused(world: AuditWorld) -> None:
    (stream,) = world.module.operator_streams
    for arguments, said in (({"topic": "A.b"}, "token"), ({"after": -1}, "after")):
        with pytest.raises(Refusal, match=said):
            await anext(stream.run(arguments))


async def test_a_tail_that_cannot_be_followed_any_longer_fails(world: AuditWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_arguments: Any) -> None:
        raise RuntimeError("hunter2")

    (stream,) = world.module.operator_streams
    monkeypatch.setattr("vivesphere.kernel.bus.log.EventHistory.after", broken)
    await world.say(AUTH, failed("eve"))
    async with aclosing(stream.run({"after": 0})) as frames:
        assert [(await anext(frames))["type"] for _ in range(2)] == ["stream.subscribed", "stream.error"]
        with pytest.raises(RuntimeError):
            await anext(frames)
