"""Looking on: whoever shows a person what happens hears all of it, and does nothing because of it."""

from typing import Any

import pytest
from tests.support.bus import BusForTests

from vivesphere.kernel.bus.errors import NotPermitted, TopicInvalid
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.overview import SubscriberOverview
from vivesphere.kernel.principals import SYSTEM


class Rang(Event):
    topic = "door.bell.rang"
    permission = "door.read"


class Looking:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def offer(self, envelope: Envelope[Any]) -> None:
        self.seen.append(envelope.topic)

    def overview(self) -> SubscriberOverview:
        return SubscriberOverview(
            name="looking",
            principal=SYSTEM,
            patterns=(),
            delivery="live",
            lanes=1,
            waiting=0,
            handled=len(self.seen),
            failed=0,
        )


async def test_a_watcher_hears_at_once_until_it_leaves_and_is_seen_meanwhile() -> None:
    async with BusForTests() as test:
        looking = Looking()
        leave = test.module("http").watch(looking, "door.>")
        leave_too = test.module("http").watch(looking, "door.bell.*")
        await test.module("door").publish(Rang())
        assert looking.seen == ["door.bell.rang"] * 2
        assert [each.handled for each in test.bus.overview().subscribers] == [2]
        leave()
        await test.module("door").publish(Rang())
        leave_too()
        leave_too()
        await test.module("door").publish(Rang())
        assert looking.seen == ["door.bell.rang"] * 3
        assert test.bus.overview().subscribers == ()
        assert test.lifetime.held == ()


async def test_the_lifetime_ends_the_watching() -> None:
    async with BusForTests() as test:
        leave = test.module("http").watch(Looking(), "door.>")
        await test.lifetime.close()
        assert not test.bus.watchers
        leave()


async def test_a_plugin_may_listen_and_not_watch() -> None:
    async with BusForTests() as test:
        with pytest.raises(NotPermitted, match="plugin:spy may listen, and not watch"):
            test.plugin("spy").watch(Looking(), ">")
        with pytest.raises(TopicInvalid):
            test.module("http").watch(Looking(), "Door.>")
        assert not test.bus.watchers
