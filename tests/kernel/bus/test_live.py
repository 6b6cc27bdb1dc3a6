"""Lanes, and the breakers that cut off what fails again and again or goes round in a storm."""

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.bus import BusForTests
from tests.support.clock import settle

from vivesphere.kernel import principals
from vivesphere.kernel.bus.breaker import CHAINS, COOL_DOWN, FAILURES, ROUNDS, TOPICS, Breaker, Breakers
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.events import BreakerOpened, ListenerFailed


class Moved(Event):
    topic = "yard.moved"
    who: str = ""
    step: int = 0


class Split(Event):
    topic = "yard.split"


def who(envelope: Envelope[Moved]) -> str:
    return envelope.payload.who


async def test_a_slow_key_holds_up_only_its_lane_and_each_key_keeps_its_order() -> None:
    async with BusForTests() as test:
        heard: dict[str, list[int]] = defaultdict(list)
        gate = asyncio.Event()

        async def hear(envelope: Envelope[Moved]) -> None:
            if envelope.payload.who == "slow":
                await gate.wait()
            heard[envelope.payload.who].append(envelope.payload.step)

        keys = [name for name in ("a", "b", "c", "d", "e") if hash(name) % 4 != hash("slow") % 4]
        listener = test.module("hall").listen(Moved, hear, key=who, lanes=4)
        for step in range(5):
            for name in ("slow", *keys):
                await test.module("yard").publish(Moved(who=name, step=step))
        await settle()
        assert dict(heard) == {name: [0, 1, 2, 3, 4] for name in keys}
        assert listener.depth == 4
        gate.set()
        await listener.drained()
        assert heard["slow"] == [0, 1, 2, 3, 4]
        assert listener.handled == 5 * (len(keys) + 1)


async def test_a_key_that_cannot_be_told_fails_that_event_alone() -> None:
    async with BusForTests() as test:
        heard: list[str] = []

        async def hear(envelope: Envelope[Moved]) -> None:
            heard.append(envelope.payload.who)

        def key(envelope: Envelope[Moved]) -> object:
            return {} if envelope.payload.who == "bad" else 1

        listener = test.module("hall").listen(Moved, hear, key=key, lanes=2)
        for name in ("a", "bad", "b"):
            await test.module("yard").publish(Moved(who=name))
        await settle()
        assert (heard, listener.failed) == (["a", "b"], 1)


@pytest.mark.parametrize(("lanes", "capacity", "key"), [(2, 10, None), (0, 10, who), (11, 10, who)])
async def test_lanes_that_make_no_sense_are_refused(lanes: int, capacity: int, key: object) -> None:
    async with BusForTests() as test:
        with pytest.raises(ValueError, match="lanes"):
            test.module("hall").listen(Moved, hear_nothing, lanes=lanes, capacity=capacity, key=key)  # type: ignore[call-overload]  # the mistake under test


async def hear_nothing(envelope: Envelope[Moved]) -> None: ...


async def test_a_full_lane_drops_by_the_stated_policy_and_counts_it() -> None:
    async with BusForTests() as test:
        oldest, newest = test.module("hall"), test.module("cellar")
        kept: dict[str, list[int]] = defaultdict(list)

        async def hear_oldest(envelope: Envelope[Moved]) -> None:
            kept["drop_oldest"].append(envelope.payload.step)

        async def hear_newest(envelope: Envelope[Moved]) -> None:
            kept["drop_newest"].append(envelope.payload.step)

        one = oldest.listen(Moved, hear_oldest, capacity=4, lanes=2, key=lambda _: 0, overflow="drop_oldest")
        two = newest.listen(Moved, hear_newest, capacity=4, lanes=2, key=lambda _: 0, overflow="drop_newest")
        for step in range(5):
            await test.module("yard").publish(Moved(step=step))
        await settle()
        assert kept == {"drop_oldest": [3, 4], "drop_newest": [0, 1]}
        assert (one.dropped, two.dropped) == (3, 3)


async def test_a_listener_that_always_fails_is_cut_off_tried_again_and_heals() -> None:
    async with BusForTests() as test:
        broken = True
        calls: list[int] = []

        async def hear(envelope: Envelope[Moved]) -> None:
            calls.append(envelope.payload.step)
            if broken:
                raise ValueError("no")

        listener = test.module("hall").listen(Moved, hear)
        other = test.module("hall").listen(Split, hear_nothing)  # type: ignore[arg-type]  # it looks at nothing
        yard = test.module("yard")
        for step in range(FAILURES + 30):
            await yard.publish(Moved(step=step))
        await settle()
        assert len(calls) == FAILURES
        assert (listener.breakers.cut, listener.breakers.tripped()) == (30, ("yard.moved",))
        (opened,) = [event for _, event in test.recorded if isinstance(event, BreakerOpened)]
        assert opened.listener == listener.name
        assert "no" in opened.reason
        assert "is cut off from yard.moved" in test.bus.health().detail
        await test.clock.advance(COOL_DOWN)
        for step in (100, 101):
            await yard.publish(Moved(step=step))
        await settle()
        assert calls[FAILURES:] == [100], "one event is the trial"
        broken = False
        await test.clock.advance(COOL_DOWN)
        await yard.publish(Moved(step=102))
        await settle()
        assert calls[-1] == 100, "it is cut off for twice as long after a trial that failed"
        await test.clock.advance(COOL_DOWN)
        for step in (103, 104):
            await yard.publish(Moved(step=step))
            await yard.publish(Split())
        await settle()
        assert calls[-2:] == [103, 104]
        await yard.publish(Moved(step=105))
        await settle()
        assert calls[-1] == 105
        assert test.bus.health().status == "ok"
        assert other.handled == 2, "only the failing topic was cut off"
        assert len([event for _, event in test.recorded if isinstance(event, BreakerOpened)]) == 1


async def test_a_chain_that_multiplies_is_cut_before_it_fills_the_world() -> None:
    async with BusForTests() as test:
        yard = test.module("yard")

        async def split(envelope: Envelope[Split]) -> None:
            for _ in range(3):
                await yard.publish(Split())

        listener = yard.listen(Split, split, capacity=1_000_000)
        await yard.publish(Split())
        await listener.drained()
        assert listener.handled < 3**6, "3^16 would have come"
        assert [type(event) for _, event in test.recorded] == [BreakerOpened]
        assert "storm" in str(test.recorded[0][1])


async def test_many_events_of_one_chain_at_one_depth_are_no_storm() -> None:
    async with BusForTests() as test:
        yard = test.module("yard")

        async def branch(envelope: Envelope[Split]) -> None:
            for step in range(ROUNDS * 3):
                await yard.publish(Moved(step=step))

        listener = test.module("hall").listen(Moved, hear_nothing)
        yard.listen(Split, branch)
        await yard.publish(Split())
        await settle()
        await listener.drained()
        assert (listener.handled, listener.breakers.tripped()) == (ROUNDS * 3, ())


async def test_failures_are_told_of_once_a_second_and_count_themselves() -> None:
    async with BusForTests() as test:
        told: list[ListenerFailed] = []

        async def fail(envelope: Envelope[Moved]) -> None:
            raise ValueError("no")

        async def note(envelope: Envelope[ListenerFailed]) -> None:
            told.append(envelope.payload)

        test.module("hall").listen(Moved, fail)
        test.module("audit").listen(ListenerFailed, note)
        for _ in range(5):
            await test.module("yard").publish(Moved())
        await test.clock.advance(1)
        await test.module("yard").publish(Moved())
        await settle()
        assert [event.failures for event in told] == [1, 5]


@given(st.lists(st.sampled_from(["ok", "fail", "wait"]), max_size=200))
def test_a_breaker_lets_everything_through_until_it_has_failed_often_in_a_row(steps: list[str]) -> None:
    breaker, now, in_a_row = Breaker(), 0.0, 0
    for step in steps:
        if step == "wait":
            now += COOL_DOWN / 2
        elif not breaker.lets_through(now):
            assert in_a_row >= FAILURES
            assert breaker.open_until is not None
        elif step == "fail":
            in_a_row += 1
            assert breaker.failed(now) == (in_a_row == FAILURES)
        else:
            in_a_row = 0
            breaker.succeeded()
            assert breaker.open_until is None


def test_what_breakers_remember_is_capped() -> None:
    breakers = Breakers()
    envelope = Envelope(
        id="1", topic="a", timestamp=0, cause=Cause(source=principals.SYSTEM, actor=principals.SYSTEM), payload=Moved()
    )
    for _ in range(TOPICS + 5):
        breakers.failed(f"t{_}", 0)
    assert len(breakers.by_topic) == TOPICS
    breaker = Breaker()
    for number in range(CHAINS + 5):
        breaker.came_round(f"c{number}", 1, 0)
    assert len(breaker._chains) == CHAINS
    assert breakers.came_round(envelope, 0) is False
    breakers.succeeded("never seen")
