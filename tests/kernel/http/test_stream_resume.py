"""Coming back to a stream: what was recorded meanwhile comes first, then what happens, without a hole and nothing twice."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.http.stream_world import (
    Counted,
    Guarded,
    Lettered,
    StreamWorld,
    Ticked,
    Whispered,
    delete_up_to,
    stream_world,
)
from tests.support.clock import settle
from tests.support.sockets import SocketForTests

from vivesphere.kernel.http import feed
from vivesphere.kernel.principals import SYSTEM


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[StreamWorld]:
    async with stream_world(tmp_path) as world:
        yield world


async def subscribed(socket: SocketForTests, topic: str, **place: Any) -> dict[str, Any]:
    frame = await socket.ask({"type": "subscribe", "topic": topic, **place})
    assert frame["type"] == "stream.subscribed"
    assert frame["data"]["topic"] == topic
    data: dict[str, Any] = frame["data"]
    return data


async def numbers(socket: SocketForTests, count: int) -> list[int]:
    return [(await socket.frame())["data"]["number"] for _ in range(count)]


async def test_what_was_recorded_meanwhile_comes_first_then_what_happens(world: StreamWorld) -> None:
    await world.count(1, 3)
    async with world.connected() as socket:
        data = await subscribed(socket, "things.>", after=1)
        assert (data["newest"], len(data["log"])) == (3, 8)
        frame = await socket.frame()
        assert (frame["type"], frame["seq"], frame["data"]) == ("things.number.counted", 2, {"number": 2})
        assert await numbers(socket, 1) == [3]
        await world.count(4, 5)
        assert await numbers(socket, 2) == [4, 5]


async def test_without_a_place_only_what_happens_comes(world: StreamWorld) -> None:
    await world.count(1, 3)
    async with world.connected() as socket:
        assert (await subscribed(socket, "things.>"))["newest"] == 3
        await world.count(4, 4)
        assert await numbers(socket, 1) == [4]


async def test_nothing_is_lost_or_doubled_while_history_is_read_and_events_go_on(world: StreamWorld) -> None:
    await world.count(1, 1200)
    async with world.connected() as socket:
        world.log.reading.clear()
        world.log.asked.clear()
        await subscribed(socket, "things.>", after=0)
        await world.log.asked.wait()
        await world.count(1201, 1230)
        world.log.reading.set()
        await world.count(1231, 1240)
        assert await numbers(socket, 1240) == list(range(1, 1241))
        await world.count(1241, 1241)
        assert await numbers(socket, 1) == [1241]


async def test_a_slow_client_slows_the_reading_down_and_loses_nothing_recorded(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CAPACITY", 8)
    monkeypatch.setattr(feed, "PAGE", 5)
    await world.count(1, 40)
    async with world.connected() as socket:
        await subscribed(socket, "things.>", after=0)
        socket.reads.clear()
        await world.count(41, 60)
        await settle()
        socket.reads.set()
        assert await numbers(socket, 60) == list(range(1, 61))


async def test_what_is_not_recorded_comes_as_it_happens_once_the_client_is_subscribed(world: StreamWorld) -> None:
    await world.count(1, 2)
    async with world.connected() as socket:
        world.log.reading.clear()
        world.log.asked.clear()
        await subscribed(socket, "things.>", after=0)
        await world.log.asked.wait()
        await world.http.bus.module("things").publish(Ticked())
        assert (await socket.frame())["type"] == "things.clock.ticked"
        world.log.reading.set()
        assert await numbers(socket, 2) == [1, 2]


async def test_patterns_that_overlap_bring_each_event_once(world: StreamWorld) -> None:
    await world.count(1, 2)
    await world.say(Lettered(letter="a"))
    async with world.connected() as socket:
        await subscribed(socket, "things.number.*", after=1)
        assert await numbers(socket, 1) == [2]
        await settle()
        await subscribed(socket, "things.>", after=0)
        came = [(await socket.frame())["seq"] for _ in range(2)]
        await world.count(3, 3)
        assert (came, await numbers(socket, 1)) == ([1, 3], [3])


async def test_asking_again_from_a_place_goes_back_to_it(world: StreamWorld) -> None:
    await world.count(1, 3)
    async with world.connected() as socket:
        await subscribed(socket, "things.>", after=2)
        assert await numbers(socket, 1) == [3]
        await settle()
        await subscribed(socket, "things.>")
        await subscribed(socket, "things.>", after=1)
        assert await numbers(socket, 2) == [2, 3]


async def test_of_history_too_everybody_sees_only_what_they_may_hear(world: StreamWorld) -> None:
    await world.say(Guarded(), Whispered(to="ada"), Counted(number=1), Lettered(letter="a"), Whispered(to="vic"))
    async with world.connected("vic") as vic:
        await subscribed(vic, ">", after=0)
        assert [(await vic.frame())["seq"] for _ in range(3)] == [3, 4, 5]


async def test_a_place_beyond_the_log_or_of_another_one_is_refused_with_the_remedy(world: StreamWorld) -> None:
    await world.count(1, 2)
    async with world.connected() as socket:
        for place, said in (({"after": 7}, "ends at 2"), ({"after": 1, "log": "ffffffff"}, "another database")):
            frame = await socket.ask({"type": "subscribe", "topic": "things.>", **place})
            assert (frame["type"], frame["data"]["topic"]) == ("stream.error", "things.>")
            assert said in frame["data"]["detail"]
            assert "/api/v1/events" in frame["data"]["detail"]
        await world.count(3, 3)
        data = await subscribed(socket, "things.>", after=2)
        assert await numbers(socket, 1) == [3]
        await subscribed(socket, "things.number.>", after=0, log=data["log"])
        assert await numbers(socket, 2) == [1, 2]


async def test_what_retention_has_deleted_is_told_as_a_gap(world: StreamWorld) -> None:
    await world.count(1, 5)
    await world.database.handle(SYSTEM).write(delete_up_to, 3)
    async with world.connected() as socket:
        await subscribed(socket, "things.>", after=1)
        gap = await socket.frame()
        assert (gap["type"], gap["data"]) == ("stream.gap", {"topic": "things.>", "after": 1, "oldest": 4})
        assert await numbers(socket, 2) == [4, 5]
        await subscribed(socket, "things.number.*", after=3)


async def test_while_the_log_is_away_what_happens_still_comes(world: StreamWorld) -> None:
    world.log.away = True
    async with world.connected() as socket:
        data = await subscribed(socket, "things.>")
        assert (data["log"], data["newest"]) == (None, None)
        await world.http.bus.module("things").publish(Ticked())
        assert (await socket.frame())["type"] == "things.clock.ticked"
        frame = await socket.ask({"type": "subscribe", "topic": "things.number.>", "after": 0})
        assert (frame["type"], frame["data"]["topic"]) == ("stream.error", "things.number.>")
        world.log.away = False
        await world.count(1, 1)
        assert await numbers(socket, 1) == [1]


async def test_a_subscription_that_ends_while_history_is_read_brings_no_more(world: StreamWorld) -> None:
    await world.count(1, 2)
    async with world.connected() as socket:
        world.log.reading.clear()
        world.log.asked.clear()
        await subscribed(socket, "things.>", after=0)
        await world.log.asked.wait()
        assert (await socket.ask({"type": "unsubscribe", "topic": "things.>"}))["type"] == "stream.unsubscribed"
        world.log.reading.set()
        await subscribed(socket, "things.letter.>")
        await world.say(Counted(number=3), Lettered(letter="a"))
        assert (await socket.frame())["data"] == {"letter": "a"}
