"""How fast who may speak and hear, and that other settings take effect at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.bus.test_topics import PATTERNS, TOPICS
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock, settle

from vivesphere.kernel import principals
from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.errors import RateLimited
from vivesphere.kernel.bus.limits import CACHED_BUCKETS, BusSettings, Limits, RateRule, TokenBucket
from vivesphere.kernel.bus.messages import Envelope, Event, Request
from vivesphere.kernel.bus.topics import covers, matches
from vivesphere.kernel.errors import StartError

NOTHING_MORE = AuditPolicy.parse(())


class Sang(Event):
    topic = "plugins.bird.sang"


class Slept(Event):
    topic = "plugins.bird.slept"


class Rang(Event):
    topic = "door.rang"
    times: int = 1


class Ask(Request[int]):
    topic = "plugins.bird.ask"


async def hear_nothing(envelope: Envelope[Event]) -> None: ...


@given(
    rate=st.floats(0.1, 1000),
    burst=st.integers(1, 50),
    steps=st.lists(st.floats(0, 2), min_size=1, max_size=80),
)
def test_a_bucket_gives_no_more_than_burst_and_rate_allow_and_says_when_to_come_back(
    rate: float, burst: int, steps: list[float]
) -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate, burst, clock)
    taken = 0
    for step in steps:
        clock._elapsed += step
        wait = bucket.take()
        taken += not wait
        assert taken <= burst + rate * clock.monotonic() + 1e-6
        if wait:
            clock._elapsed += wait
            assert bucket.take() == 0.0, "whoever comes back when told is let through"
            taken += 1
    assert bucket.taken == taken


async def test_a_burst_passes_at_once_and_the_next_one_is_told_to_the_millisecond() -> None:
    bucket = TokenBucket(10, 3, FakeClock())
    assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(0.1)]


@pytest.mark.parametrize("line", ["* * * 5", "* a..b 5", "* > fast", "* > 0", "* > -1", "* >", "", "* > 1/x"])
def test_a_limit_that_is_not_understood_stops_the_start_with_an_example(line: str) -> None:
    with pytest.raises(StartError, match="limit") as refused:
        RateRule.parse(line)
    assert "unpack" not in str(refused.value)


def test_a_limit_concerns_a_principal_a_kind_or_everybody() -> None:
    bird = principals.plugin("bird")
    assert [RateRule.parse(f"{who} > 5").concerns(bird) for who in ("plugin:bird", "plugin:*", "*", "module:*")] == [
        True,
        True,
        True,
        False,
    ]
    assert not RateRule.parse("bird > 5").concerns(bird), "a principal is written in full"
    assert RateRule.parse("* > 5").burst == 5
    assert RateRule.parse("* > 0.5").burst == 1, "a burst below one would let nothing pass"


@given(PATTERNS, PATTERNS, TOPICS)
def test_a_covering_pattern_names_whatever_the_covered_one_names(wider: str, pattern: str, topic: str) -> None:
    if covers(wider, pattern) and matches(pattern, topic):
        assert matches(wider, topic)


def test_covering() -> None:
    cases = {("a.>", "a.b"): True, ("a.>", "a.>"): True, ("a.*", "a.>"): False, ("a.*", "a.*"): True, ("a.b", "a.*"): False}
    assert {case: covers(*case) for case in cases} == cases


async def test_a_topic_has_a_rate_of_its_own_beside_the_publishers() -> None:
    async with BusForTests(settings=BusSettings(publish_limits=("plugin:* plugins.*.sang 1",))) as test:
        bird = test.plugin("bird")
        await bird.publish(Sang())
        with pytest.raises(RateLimited, match=r"plugins\.bird\.sang is refused; come back in 1\.000 s") as refused:
            await bird.publish(Sang())
        assert refused.value.retry_after == pytest.approx(1)
        (seen,) = test.bus.overview().publishers
        assert (seen.published, seen.refused) == (1, 1)
        await bird.publish(Slept())
        await test.clock.advance(1)
        await bird.publish(Sang())


async def test_a_request_is_held_to_a_topics_rate_too() -> None:
    async with BusForTests(settings=BusSettings(publish_limits=("* plugins.bird.ask 1",))) as test:

        async def answer(request: Ask) -> int:
            return 1

        test.plugin("bird").respond(Ask, answer)
        assert await test.module("hall").request(Ask()) == 1
        with pytest.raises(RateLimited):
            await test.module("hall").request(Ask())
        assert await test.module("cellar").request(Ask()) == 1, "each publisher has a bucket of its own"


async def test_a_paced_listener_is_handed_events_at_its_rate_and_loses_none_that_fit() -> None:
    async with BusForTests(settings=BusSettings(hearing_limits=("module:hall door.> 2/1",))) as test:
        heard: list[float] = []

        async def hear(envelope: Envelope[Rang]) -> None:
            heard.append(test.clock.monotonic())

        slow = test.module("hall").listen(Rang, hear)
        fast = test.module("cellar").listen(Rang, hear_nothing)
        for _ in range(4):
            await test.module("door").publish(Rang())
        await settle()
        assert (len(heard), fast.handled, slow.depth) == (1, 4, 3)
        await test.clock.advance(2)
        assert heard == [0, 0.5, 1, 1.5]


async def test_a_plugins_listener_is_paced_by_default() -> None:
    async with BusForTests(settings=BusSettings(plugin_hearing_rate=1, plugin_hearing_burst=2)) as test:
        listener = test.plugin("bird").listen(Rang, hear_nothing)
        for _ in range(4):
            await test.module("door").publish(Rang())
        await settle()
        assert listener.handled == 2
        listener.close()
        await settle()


async def test_other_settings_take_effect_at_once() -> None:
    async with BusForTests(settings=BusSettings(plugin_rate=1, plugin_burst=1, module_rate=1, module_burst=1)) as test:
        bird, door = test.plugin("bird"), test.module("door")
        listener = test.module("hall").listen(Rang, hear_nothing)
        await bird.publish(Sang())
        await door.publish(Rang())
        with pytest.raises(RateLimited):
            await bird.publish(Sang())
        await settle()
        faster = BusSettings(plugin_burst=100, publish_limits=("* plugins.bird.slept 1",), hearing_limits=("* > 1",))
        test.bus.change(faster, NOTHING_MORE)
        for _ in range(50):
            await bird.publish(Sang())
            await door.publish(Rang())
        await bird.publish(Slept())
        with pytest.raises(RateLimited):
            await bird.publish(Slept())
        await settle()
        assert listener.depth == 49, "its first event after the change is the whole burst"
        with pytest.raises(StartError):
            test.bus.change(BusSettings(publish_limits=("nonsense",)), NOTHING_MORE)
        assert test.bus.limits.settings is faster
        listener.close()


async def test_the_number_of_buckets_is_capped() -> None:
    limits = Limits(BusSettings(publish_limits=("* > 5",)), FakeClock())
    for number in range(CACHED_BUCKETS + 5):
        limits.publisher(principals.plugin(f"p{number}"))
        limits.taking(principals.plugin(f"p{number}"), "a.b")
    assert len(tuple(limits.publishers())) == CACHED_BUCKETS == len(limits._by_rule)
