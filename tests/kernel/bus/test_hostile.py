"""What listeners, responders and publishers do that nobody expects of them: it costs others nothing, and is never silent."""

import asyncio
from types import new_class
from typing import Any

import pytest
from tests.support.bus import BusForTests
from tests.support.clock import settle

from vivesphere.kernel import principals
from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.breaker import COOL_DOWN, FAILURES, LONGEST_COOL_DOWN, TOPICS, Breaker, Breakers
from vivesphere.kernel.bus.errors import NoResponder, PayloadInvalid
from vivesphere.kernel.bus.handle import KINDS, BusHandle
from vivesphere.kernel.bus.limits import BusSettings
from vivesphere.kernel.bus.messages import Envelope, Event, Request
from vivesphere.kernel.bus.overview import SubscriberOverview
from vivesphere.kernel.lifetime import Lifetime


class Passed(Event):
    topic = "yard.passed"
    who: str = ""


class Add(Request[int]):
    topic = "sums.add"
    number: int = 0


class Start(Request[int]):
    topic = "sums.start"


class Unspeakable(Exception):
    """A defect in the very telling of a defect."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


async def hear(_envelope: Envelope[Any]) -> None: ...


async def test_an_error_that_cannot_be_told_ends_no_listener() -> None:
    async with BusForTests() as test:

        async def fail(_envelope: Envelope[Passed]) -> None:
            raise Unspeakable

        listener = test.module("hall").listen(Passed, fail)
        for _ in range(FAILURES + 1):
            await test.module("yard").publish(Passed())
        async with asyncio.timeout(1):
            await listener.drained()
        assert listener.failed == FAILURES
        assert test.bus.overview().subscribers[0].tripped == ("yard.passed",)


async def test_a_key_whose_error_cannot_be_told_is_not_the_publishers_trouble() -> None:
    async with BusForTests() as test:

        def key(_envelope: Envelope[Passed]) -> str:
            raise Unspeakable

        listener = test.module("hall").listen(Passed, hear, key=key, lanes=2)
        await test.module("yard").publish(Passed())
        assert listener.failed == 1


async def test_a_key_that_closes_its_own_listener_leaves_nothing_waiting() -> None:
    async with BusForTests() as test:

        def key(_envelope: Envelope[Passed]) -> str:
            listener.close()
            return "a"

        listener = test.module("hall").listen(Passed, hear, key=key, lanes=2)
        await test.module("yard").publish(Passed())
        assert listener.depth == 0
        async with asyncio.timeout(1):
            await listener.drained()


async def test_a_listener_that_cancels_itself_is_gone_and_not_deaf() -> None:
    async with BusForTests() as test:

        async def give_up(_envelope: Envelope[Passed]) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        listener = test.module("hall").listen(Passed, give_up)
        await test.module("yard").publish(Passed())
        await settle()
        assert listener.closed
        assert test.bus.overview().subscribers == ()
        assert test.lifetime.held == ()
        async with asyncio.timeout(1):
            await listener.drained()


async def test_nothing_begins_in_a_lifetime_that_is_over() -> None:
    async with BusForTests() as test:
        lifetime = Lifetime("plugin")
        handle = BusHandle(test.bus, principals.module("sums"), lifetime)
        await lifetime.close()

        async def add(request: Add) -> int:
            return request.number

        with pytest.raises(RuntimeError, match="closed"):
            handle.listen(Passed, hear)
        with pytest.raises(RuntimeError, match="closed"):
            handle.respond(Add, add)
        with pytest.raises(RuntimeError, match="closed"):
            handle.watch(Looker(), "yard.>")
        seen = test.bus.overview()
        assert (seen.subscribers, seen.responders) == ((), ())
        assert test.bus.routes.match("yard.passed") == ()
        test.module("sums").respond(Add, add)


class Looker:
    def __init__(self) -> None:
        self.seen = 0

    def offer(self, _envelope: Envelope[Any]) -> None:
        self.seen += 1

    def overview(self) -> SubscriberOverview:
        raise AssertionError("nobody asks")


async def test_to_watch_the_same_twice_is_to_watch_once() -> None:
    async with BusForTests() as test:
        looker = Looker()
        leave = test.system().watch(looker, "yard.>")
        again = test.system().watch(looker, "yard.>")
        await test.module("yard").publish(Passed())
        assert looker.seen == 1
        leave()
        again()
        await test.module("yard").publish(Passed())
        assert looker.seen == 1
        assert test.bus.routes.match("yard.passed") == ()


async def test_who_waits_for_a_responder_that_leaves_is_told_so() -> None:
    async with BusForTests() as test:
        lifetime = Lifetime("plugin")
        gate = asyncio.Event()
        asked: list[int] = []

        async def add(request: Add) -> int:
            asked.append(request.number)
            await gate.wait()
            return request.number

        BusHandle(test.bus, principals.module("sums"), lifetime).respond(Add, add, concurrency=1)
        asks = [asyncio.create_task(test.module("hall").request(Add(number=number))) for number in range(3)]
        await settle()
        test.bus.responders.remove(Add)
        assert not await lifetime.close(), "it has left already, and that is no trouble"
        gate.set()
        first, *others = await asyncio.gather(*asks, return_exceptions=True)
        assert first == 0
        assert [type(each) for each in others] == [NoResponder, NoResponder]
        assert asked == [0]
        assert test.bus.overview().refused == {"no-responder": 2}


async def test_what_a_responder_leaves_running_is_inside_of_no_request() -> None:
    async with BusForTests() as test:
        hall = test.module("hall")
        gate, go = asyncio.Event(), asyncio.Event()
        running = most = 0
        left: list[asyncio.Task[int]] = []

        async def add(request: Add) -> int:
            nonlocal running, most
            if request.number == 0:
                left.extend(asyncio.create_task(later()) for _ in range(3))
                return 0
            running += 1
            most = max(most, running)
            await gate.wait()
            running -= 1
            return request.number

        async def later() -> int:
            await go.wait()
            return await hall.request(Add(number=1))

        test.module("sums").respond(Add, add, concurrency=1)
        await hall.request(Add(number=0))
        go.set()
        await settle()
        gate.set()
        assert await asyncio.gather(*left) == [1, 1, 1]
        assert most == 1


async def test_what_is_no_request_is_refused_by_name() -> None:
    async with BusForTests() as test:
        for nonsense in (5, None, Passed(), Passed):
            with pytest.raises(PayloadInvalid, match="is not a request"):
                await test.module("hall").request(nonsense)  # type: ignore[arg-type]  # the point of the test
        assert test.bus.overview().refused == {"payload-invalid": 4}


async def test_a_faster_pace_holds_for_who_waits_already() -> None:
    rule = "* yard.> 0.001/1"
    async with BusForTests(settings=BusSettings(hearing_limits=(rule,))) as test:
        listener = test.module("hall").listen(Passed, hear)
        for _ in range(3):
            await test.module("yard").publish(Passed())
        await test.clock.advance(1)
        assert listener.handled == 1
        test.bus.change(BusSettings(), AuditPolicy.parse(()))
        await test.clock.advance(1)
        assert listener.handled == 3


def test_while_one_event_is_tried_no_other_lane_decides_about_it() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0)
    assert breaker.lets_through(COOL_DOWN)
    assert not breaker.lets_through(COOL_DOWN)
    assert not breaker.lets_through(COOL_DOWN)
    breaker.failed(COOL_DOWN)
    assert breaker.open_until == COOL_DOWN + 2 * COOL_DOWN
    assert breaker.lets_through(3 * COOL_DOWN)
    assert not breaker.lets_through(3 * COOL_DOWN)
    breaker.succeeded()
    assert breaker.open_until is None


def test_an_event_of_whose_trial_nothing_is_heard_is_not_waited_for_for_ever() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0)
    assert breaker.lets_through(COOL_DOWN)
    assert not breaker.lets_through(COOL_DOWN + LONGEST_COOL_DOWN - 1)
    assert breaker.lets_through(COOL_DOWN + LONGEST_COOL_DOWN)


async def test_kinds_made_without_end_do_not_fill_the_memory() -> None:
    async with BusForTests() as test:
        handle = test.module("yard")
        for number in range(KINDS + 10):
            kind = new_class(f"Made{number}", (Event,), exec_body=lambda names: names.update(topic="yard.made"))
            await handle.publish(kind())
        assert len(handle._ways) <= KINDS


async def test_a_listener_that_closes_as_it_is_cut_off_stays_closed() -> None:
    async with BusForTests() as test:
        asked = 0

        def key(_envelope: Envelope[Passed]) -> str:
            nonlocal asked
            asked += 1
            if asked == FAILURES:
                listener.close()
            raise ValueError("no key")

        listener = test.module("hall").listen(Passed, hear, key=key, lanes=2)
        for _ in range(FAILURES):
            await test.module("yard").publish(Passed())
        assert (listener.closed, listener.depth, listener.failed) == (True, 0, FAILURES)


def test_other_topics_are_no_way_to_close_a_breaker() -> None:
    breakers = Breakers()
    for _ in range(FAILURES):
        breakers.failed("yard.bad", 0.0)
    for number in range(2 * TOPICS):
        breakers.failed(f"yard.made{number}", 0.0)
    assert breakers.tripped() == ("yard.bad",)
    assert len(breakers.by_topic) == TOPICS
