"""The event stream: who hears what, what a slow or confused client meets, and how it ends."""

from collections.abc import AsyncIterator

import pytest
import structlog
from tests.support.clock import settle
from tests.support.http import HttpForTests
from tests.support.sockets import Closed, SocketForTests, connect

from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.http import feed
from vivesphere.kernel.principals import Principal

PATH = "/api/v1/stream"


class Rang(Event):
    topic = "things.bell.rang"
    permission = "bots.bot.read"
    secret = frozenset({"key"})
    times: int = 1
    key: str = "swordfish"


class Opened(Event):
    topic = "things.door.opened"


class Whispered(Event):
    topic = "things.ear.whispered"
    to: str

    def addressee(self) -> Principal:
        return principals.user(self.to)


class Guarded(Event):
    topic = "things.safe.opened"
    permission = "secrets.secret.read"


@pytest.fixture
async def ada(http: HttpForTests) -> AsyncIterator[SocketForTests]:
    async with connect(http.app, PATH, protocols=("vivesphere.v1", "bearer.ada")) as socket:
        yield socket


async def subscribed(socket: SocketForTests, pattern: str) -> None:
    frame = await socket.ask({"type": "subscribe", "topic": pattern})
    assert (frame["type"], frame["data"]) == (
        "stream.subscribed",
        {"topic": pattern, "log": "00000000", "after": 0, "newest": 0},
    )
    await settle()


async def publish(http: HttpForTests, *events: Event, project: str = "default") -> None:
    things = principals.module("things")
    with acting_under(Cause(source=things, actor=things, project=project)):
        for event in events:
            await http.bus.module("things").publish(event)
    await settle()


async def test_an_event_arrives_in_the_envelope_with_its_secret_masked(http: HttpForTests, ada: SocketForTests) -> None:
    await subscribed(ada, "things.>")
    await publish(http, Rang(times=2))
    frame = await ada.frame()
    assert frame == {
        "v": 1,
        "id": frame["id"],
        "seq": None,
        "type": "things.bell.rang",
        "at": "2026-01-05T12:00:00Z",
        "project": "default",
        "data": {"times": 2, "key": "***"},
    }


async def test_only_what_was_asked_for_arrives_and_only_once(http: HttpForTests, ada: SocketForTests) -> None:
    await subscribed(ada, "things.bell.*")
    await subscribed(ada, "things.>")
    await subscribed(ada, "things.>")
    await publish(http, Rang(), Opened())
    arrived = {(await ada.frame())["type"] for _ in range(2)}
    assert arrived == {"things.bell.rang", "things.door.opened"}
    assert (await ada.ask({"type": "unsubscribe", "topic": "things.>"}))["type"] == "stream.unsubscribed"
    await publish(http, Opened(), Rang(times=3))
    assert (await ada.frame())["data"]["times"] == 3


async def test_each_event_is_checked_against_the_client(http: HttpForTests) -> None:
    async with connect(http.app, PATH, token="vic") as vic:
        await subscribed(vic, ">")
        await publish(http, Guarded(), Whispered(to="ada"))
        await publish(http, Rang(times=5), Opened(), project="elsewhere")
        await publish(http, Rang(times=6), Opened())
        assert (await vic.frame())["data"]["times"] == 6
        assert (await vic.frame())["type"] == "things.door.opened"
        await publish(http, Whispered(to="vic"))
        assert (await vic.frame())["data"] == {"to": "vic"}


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("{", "truncated"),
        ("[]", "not understood"),
        ('{"type": "dance"}', "dance"),
        ('{"type": "subscribe"}', "topic"),
        ('{"type": "subscribe", "topic": 5}', "topic"),
        ('{"type": "subscribe", "topic": "a", "more": 1}', "more"),
        ('{"type": "subscribe", "topic": "A.b"}', "token"),
        ('{"type": "subscribe", "topic": ">.b"}', "token"),
        ('{"type": "unsubscribe", "topic": "a.b"}', "no subscription"),
        ("[" * 5000, "not understood"),
    ],
)
async def test_a_frame_that_is_not_understood_ends_nothing(ada: SocketForTests, frame: str, said: str) -> None:
    answer = await ada.ask(frame)
    assert answer["type"] == "stream.error"
    assert said in answer["data"]["detail"]
    await subscribed(ada, "things.>")


async def test_there_is_an_end_to_subscribing(ada: SocketForTests) -> None:
    for number in range(feed.MAX_PATTERNS):
        await subscribed(ada, f"things.n{number}")
    answer = await ada.ask({"type": "subscribe", "topic": "things.more"})
    assert answer["type"] == "stream.error"
    await subscribed(ada, "things.n0")


async def test_a_slow_client_loses_the_oldest_and_is_told(http: HttpForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "CAPACITY", 3)
    async with connect(http.app, PATH, token="ada") as slow:
        await subscribed(slow, "things.bell.rang")
        slow.reads.clear()
        for number in range(1, 9):
            await publish(http, Rang(times=number))
        slow.reads.set()
        assert (await slow.frame())["data"]["times"] == 1
        dropped = await slow.frame()
        assert (dropped["type"], dropped["data"]) == ("stream.dropped", {"count": 4})
        assert [(await slow.frame())["data"]["times"] for _ in range(3)] == [6, 7, 8]
    metrics = (await http.client.get("/metrics")).text
    assert "vivesphere_stream_dropped_total 4.0" in metrics


async def test_the_heart_beats(http: HttpForTests, ada: SocketForTests) -> None:
    await subscribed(ada, "things.>")
    for _ in range(2):
        await http.bus.clock.advance(30)
        assert (await ada.frame())["type"] == "stream.heartbeat"


async def test_a_sign_out_ends_the_stream_at_the_next_beat(http: HttpForTests, ada: SocketForTests) -> None:
    await subscribed(ada, "things.>")
    http.authenticator.signed_out.add("ada")
    await http.bus.clock.advance(30)
    with pytest.raises(Closed, match="4401"):
        await ada.frame()


async def test_a_stream_that_breaks_says_nothing_of_the_inside(
    http: HttpForTests, ada: SocketForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_token: str) -> None:
        raise RuntimeError("hunter2")

    await subscribed(ada, "things.>")
    monkeypatch.setattr(http.authenticator, "authenticate", broken)
    await http.bus.clock.advance(30)
    with pytest.raises(Closed, match="1011 The server failed"):
        await ada.frame()


async def test_the_session_ends_the_stream(http: HttpForTests, ada: SocketForTests) -> None:
    await subscribed(ada, "things.>")
    await http.bus.clock.advance(600)
    beats = 600 // 30 - 1
    assert [(await ada.frame())["type"] for _ in range(beats)] == ["stream.heartbeat"] * beats
    with pytest.raises(Closed, match="4401 The access token has expired"):
        await ada.frame()


async def test_the_server_ends_the_stream(http: HttpForTests, ada: SocketForTests) -> None:
    await subscribed(ada, "things.>")
    http.kernel.stopping.set()
    with pytest.raises(Closed, match="1001"):
        await ada.frame()


async def test_a_client_that_is_gone_before_the_last_word_is_no_failure(http: HttpForTests, ada: SocketForTests) -> None:
    await subscribed(ada, "things.>")
    ada.gone = True
    with structlog.testing.capture_logs() as lines:
        http.kernel.stopping.set()
        await settle()
    assert lines == []


async def test_a_client_that_leaves_leaves_nothing_behind(http: HttpForTests) -> None:
    async with connect(http.app, PATH, token="ada") as socket:
        await subscribed(socket, "things.>")
        assert len(http.bus.bus.overview().subscribers) == 1
    assert not http.bus.bus.overview().subscribers


async def test_without_a_session_there_is_no_stream(http: HttpForTests) -> None:
    async with connect(http.app, PATH) as socket:
        with pytest.raises(Closed, match="4401"):
            await socket.frame()
