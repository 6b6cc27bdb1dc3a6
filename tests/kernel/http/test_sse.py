"""The stream as server-sent events."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.http.stream_world import Counted, Guarded, Lettered, StreamWorld, Ticked, delete_up_to, stream_world
from tests.support.clock import settle
from tests.support.sse import Said, SseForTests, listen

from vivesphere.kernel.http import feed
from vivesphere.kernel.principals import SYSTEM

PATH = "/api/v1/stream/sse"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[StreamWorld]:
    async with stream_world(tmp_path) as world:
        yield world


def opened(world: StreamWorld, query: str = "", **more: Any) -> Any:
    return listen(world.http.app, PATH, query=query, **more)


async def said(client: SseForTests) -> Said:
    event = await client.next()
    assert event is not None
    return event


async def numbers(client: SseForTests, count: int) -> list[int]:
    return [(await said(client)).data["data"]["number"] for _ in range(count)]


async def test_events_come_with_a_place_to_go_on_from(world: StreamWorld) -> None:
    await world.count(1, 1)
    async with opened(world, "topic=things.>") as client:
        first = await said(client)
        assert (client.status, client.headers["content-type"]) == (200, "text/event-stream")
        assert (client.headers["cache-control"], client.headers["x-accel-buffering"]) == ("no-store", "no")
        log = first.data["data"]["log"]
        assert (first.event, first.id, first.data["data"]["newest"]) == ("stream.subscribed", f"{log}-1", 1)
        await world.say(Counted(number=2))
        recorded = await said(client)
        await world.http.bus.module("things").publish(Ticked())
        passing = await said(client)
        assert (recorded.id, recorded.event, recorded.data["seq"]) == (f"{log}-2", "things.number.counted", 2)
        assert (passing.id, passing.event, passing.data["seq"]) == (None, "things.clock.ticked", None)


@pytest.mark.parametrize("by", ["header", "query", "number"])
async def test_a_client_that_comes_back_misses_nothing(world: StreamWorld, by: str) -> None:
    async with opened(world, "topic=things.>") as client:
        place = (await said(client)).id
    assert place is not None
    await world.count(1, 3)
    ways: dict[str, dict[str, Any]] = {
        "header": {"headers": {"Last-Event-ID": place}},
        "query": {"query": f"topic=things.>&after={place}"},
        "number": {"query": "topic=things.>&after=0"},
    }
    async with opened(world, **ways[by]) as client:
        again = await said(client)
        assert (again.event, again.id) == ("stream.subscribed", place)
        assert await numbers(client, 3) == [1, 2, 3]
        await world.count(4, 4)
        assert await numbers(client, 1) == [4]


async def test_several_topics_come_in_the_order_of_the_log(world: StreamWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PAGE", 3)
    for number in range(1, 6):
        await world.say(Counted(number=number), Lettered(letter="a"), Counted(number=-number))
    async with opened(world, "topic=things.number.*&topic=things.letter.>&after=2") as client:
        await said(client)
        assert [(await said(client)).data["seq"] for _ in range(13)] == list(range(3, 16))
        await world.say(Lettered(letter="b"), Counted(number=6))
        assert [(await said(client)).data["seq"] for _ in range(2)] == [16, 17]


async def test_of_another_log_it_says_that_there_is_a_gap_and_goes_on_from_now(world: StreamWorld) -> None:
    await world.count(1, 2)
    for place in ("ffffffff-1", "77"):
        async with opened(world, headers={"Last-Event-ID": place}) as client:
            events = [await said(client), await said(client)]
            assert sorted(event.event or "" for event in events) == ["stream.gap", "stream.subscribed"]
            await world.count(3, 3)
            assert await numbers(client, 1) == [3]


async def test_what_retention_has_deleted_is_told_as_a_gap(world: StreamWorld) -> None:
    await world.count(1, 5)
    await world.database.handle(SYSTEM).write(delete_up_to, 3)
    async with opened(world, "after=1") as client:
        await said(client)
        gap = await said(client)
        assert (gap.event, gap.data["data"]["oldest"]) == ("stream.gap", 4)
        assert await numbers(client, 2) == [4, 5]


async def test_everybody_hears_only_what_they_may(world: StreamWorld) -> None:
    async with opened(world, "after=0", who="vic") as client:
        await said(client)
        await world.say(Guarded(), Counted(number=1))
        assert await numbers(client, 1) == [1]


async def test_a_slow_client_loses_the_oldest_and_is_told(world: StreamWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "CAPACITY", 3)
    async with opened(world) as client:
        await said(client)
        await settle()
        client.reads.clear()
        things = world.http.bus.module("things")
        for _ in range(9):
            await things.publish(Ticked())
            await settle()
        client.reads.set()
        assert (await said(client)).event == "things.clock.ticked"
        dropped = await said(client)
        assert (dropped.event, dropped.data["data"]) == ("stream.dropped", {"count": 5})
        assert [(await said(client)).event for _ in range(3)] == ["things.clock.ticked"] * 3


async def test_the_heart_beats_as_a_comment(world: StreamWorld) -> None:
    async with opened(world) as client:
        await said(client)
        await world.http.bus.clock.advance(30)
        assert (await said(client)).comment == "heartbeat"


async def test_head_is_answered_and_ends(world: StreamWorld) -> None:
    async with opened(world, method="HEAD") as client:
        assert await client.next() is None
        assert (client.status, client.headers["content-type"]) == (200, "text/event-stream")
        await world.count(1, 1)
        assert client.from_app.empty()


async def test_a_sign_out_ends_it(world: StreamWorld) -> None:
    async with opened(world) as client:
        await said(client)
        world.http.authenticator.signed_out.add("ada")
        await world.http.bus.clock.advance(30)
        closed = await said(client)
        assert (closed.event, closed.data["data"]["code"]) == ("stream.closed", 4401)
        assert await client.next() is None


async def test_the_server_ends_it(world: StreamWorld) -> None:
    async with opened(world) as client:
        await said(client)
        world.http.kernel.stopping.set()
        closed = await said(client)
        assert (closed.event, closed.data["data"]["code"]) == ("stream.closed", 1001)
        assert await client.next() is None


async def test_a_client_that_leaves_leaves_nothing_behind(world: StreamWorld) -> None:
    async with opened(world, "topic=things.>&topic=things.number.*") as client:
        await said(client)
        (subscriber,) = world.http.bus.bus.overview().subscribers
        assert (subscriber.name, subscriber.patterns) == ("stream", ("things.>", "things.number.*"))
    assert not world.http.bus.bus.overview().subscribers


@pytest.mark.parametrize(
    ("query", "headers", "pointer"),
    [
        ("topic=A.b", {}, "/topic"),
        ("topic=things.>&topic=>.x", {}, "/topic"),
        ("&".join(f"topic=things.a{number}" for number in range(65)), {}, "/topic"),
        ("after=yesterday", {}, "/after"),
        ("after=-1", {}, "/after"),
        ("", {"Last-Event-ID": "x-1"}, "/Last-Event-ID"),
    ],
)
async def test_a_bad_question_names_what_is_wrong(
    world: StreamWorld, query: str, headers: dict[str, str], pointer: str
) -> None:
    answer = await world.http.client.get(f"{PATH}?{query}", headers={**world.http.ada, **headers})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert not world.http.bus.bus.watchers


async def test_nobody_listens_without_a_session(world: StreamWorld) -> None:
    assert (await world.http.client.get(PATH)).status_code == 401
