"""Publishing, listening and asking, as modules and plugins do it."""

import asyncio

import msgspec
import pytest
from tests.support.bus import BusForTests
from tests.support.clock import settle

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import (
    HopLimitExceeded,
    LogUnavailable,
    NoResponder,
    NotPermitted,
    PayloadInvalid,
    RateLimited,
    RequestTimeout,
    TopicInvalid,
)
from vivesphere.kernel.bus.handle import REQUEST_DEPTH_LIMIT
from vivesphere.kernel.bus.limits import BusSettings
from vivesphere.kernel.bus.messages import Envelope, Event, Request, reply_type
from vivesphere.kernel.cause import HOP_LIMIT, Cause, Mode, acting_under, current_cause
from vivesphere.kernel.errors import ViveSphereError
from vivesphere.kernel.events import ListenerFailed, LoopBroken, RateLimitHit
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.services import Health


class Rang(Event):
    topic = "door.bell.rang"
    times: int = 1


class Opened(Event, durable=True):
    topic = "door.opened"
    permission = "door.read"


class Chirped(Event):
    topic = "plugins.bird.chirped"


class Owled(Event):
    topic = "plugins.owl.owled"


class Misnamed(Event):
    topic = "Door.Bell"


class HowMany(Request[int]):
    topic = "door.count"
    permission = "door.count"
    of: str


async def test_an_event_reaches_every_listener_whose_pattern_names_it() -> None:
    async with BusForTests() as test:
        heard: list[tuple[str, int]] = []

        async def hear_class(envelope: Envelope[Rang]) -> None:
            heard.append(("class", envelope.payload.times))

        async def hear_pattern(envelope: Envelope[Event]) -> None:
            heard.append(("pattern", envelope.payload.times))  # type: ignore[attr-defined]  # only Rang is published

        test.module("hall").listen(Rang, hear_class)
        test.module("hall").listen("door.>", hear_pattern)
        test.module("hall").listen("window.>", hear_pattern)
        await test.module("door").publish(Rang(times=3))
        await settle()
        assert sorted(heard) == [("class", 3), ("pattern", 3)]


async def test_what_a_listener_does_is_caused_by_the_event() -> None:
    async with BusForTests() as test:
        seen: list[Cause] = []

        async def hear(envelope: Envelope[Rang]) -> None:
            cause = current_cause()
            assert cause is not None
            assert cause.causation_id == envelope.id
            seen.append(cause)

        test.module("hall").listen(Rang, hear)
        began = Cause(source=principals.module("x"), actor=principals.user("u1"), project="p1", mode=Mode.SHADOW)
        with acting_under(began):
            await test.module("door").publish(Rang())
        await settle()
        (cause,) = seen
        assert (cause.actor, cause.project, cause.mode, cause.hop) == ("user:u1", "p1", Mode.SHADOW, 1)
        assert cause.correlation_id == began.correlation_id
        assert cause.source == "module:door"


async def test_a_failing_listener_never_stops_its_neighbours_and_is_told_of() -> None:
    async with BusForTests() as test:
        heard: list[int] = []
        failures: list[ListenerFailed] = []

        async def fail(envelope: Envelope[Rang]) -> None:
            raise ValueError("broken bell")

        async def hear(envelope: Envelope[Rang]) -> None:
            heard.append(envelope.payload.times)

        async def note(envelope: Envelope[ListenerFailed]) -> None:
            failures.append(envelope.payload)
            raise ValueError("and so is the one who is told")

        failing = test.module("hall").listen(Rang, fail)
        test.module("hall").listen(Rang, hear)
        test.module("audit").listen(ListenerFailed, note)
        for times in (1, 2):
            await test.module("door").publish(Rang(times=times))
        await settle()
        assert heard == [1, 2]
        assert failing.failed == 2
        assert [(failure.detail, failure.failures) for failure in failures] == [("ValueError: broken bell", 1)]
        await test.clock.advance(1)
        await test.module("door").publish(Rang(times=3))
        await settle()
        assert failures[1].failures == 2, "what failed within a second is told of together"


async def test_a_listener_that_awaits_what_was_cancelled_hears_the_next_event() -> None:
    async with BusForTests() as test:
        heard: list[int] = []

        async def wait_in_vain(envelope: Envelope[Rang]) -> None:
            heard.append(envelope.payload.times)
            other = asyncio.get_running_loop().create_future()
            other.cancel()
            await other

        listener = test.module("hall").listen(Rang, wait_in_vain)
        for times in (1, 2):
            await test.module("door").publish(Rang(times=times))
        await settle()
        assert heard == [1, 2]
        assert (listener.failed, listener.depth) == (2, 0)


@pytest.mark.parametrize(("overflow", "kept"), [("drop_oldest", [0, 3, 4]), ("drop_newest", [0, 1, 2])])
async def test_a_full_queue_drops_by_its_policy_and_counts(overflow: str, kept: list[int]) -> None:
    async with BusForTests() as test:
        heard: list[int] = []
        gate = asyncio.Event()

        async def hear(envelope: Envelope[Rang]) -> None:
            await gate.wait()
            heard.append(envelope.payload.times)

        listener = test.module("hall").listen(Rang, hear, capacity=2, overflow=overflow)  # type: ignore[call-overload]  # from the table
        await test.module("door").publish(Rang(times=0))
        await settle()
        for times in range(1, 5):
            await test.module("door").publish(Rang(times=times))
        assert listener.depth == 2
        assert test.bus.health() == Health("degraded", "module:hall<door.bell.rang> dropped 2")
        gate.set()
        await listener.drained()
        assert heard == kept
        assert listener.dropped == 2
        assert test.bus.health() == Health()


async def test_a_closed_subscription_hears_nothing_more_even_of_what_was_queued() -> None:
    async with BusForTests() as test:
        heard: list[int] = []

        async def hear(envelope: Envelope[Rang]) -> None:
            heard.append(envelope.payload.times)
            listener.close()

        listener = test.module("hall").listen(Rang, hear)
        for times in (1, 2):
            await test.module("door").publish(Rang(times=times))
        await settle()
        await test.module("door").publish(Rang(times=3))
        await settle()
        listener.close()
        assert heard == [1]
        assert test.lifetime.held == ()


async def test_closing_a_subscription_cancels_the_handler_that_runs() -> None:
    async with BusForTests() as test:
        ended: list[str] = []

        async def hear(envelope: Envelope[Rang]) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        listener = test.module("hall").listen(Rang, hear)
        await test.module("door").publish(Rang())
        await settle()
        listener.close()
        await settle()
        assert ended == ["cancelled"]


async def test_a_lifetime_ends_its_subscriptions_and_responders() -> None:
    test = BusForTests()

    async def hear(envelope: Envelope[Rang]) -> None: ...

    async def answer(request: HowMany) -> int:
        return 1

    handle = test.module("door")
    listener = handle.listen(Rang, hear)
    handle.respond(HowMany, answer)
    assert not await test.lifetime.close()
    assert listener.closed
    assert test.bus.overview().subscribers == ()
    with pytest.raises(NoResponder, match=r"nobody answers door\.count"):
        await handle.request(HowMany(of="x"))


async def test_a_durable_event_is_recorded_before_publish_returns() -> None:
    async with BusForTests() as test:
        await test.module("door").publish(Opened())
        assert test.recorded == [("module:door", Opened())]


async def test_namespaces_hold() -> None:
    async with BusForTests() as test:

        async def answer(request: HowMany) -> int:
            return 1

        await test.plugin("bird").publish(Chirped())
        for stranger in (test.module("hall"), test.plugin("door"), test.system()):
            with pytest.raises(NotPermitted, match="may not publish"):
                await stranger.publish(Rang())
        with pytest.raises(NotPermitted, match="may not answer"):
            test.module("hall").respond(HowMany, answer)
        with pytest.raises(NotPermitted, match="begin with nothing"):
            test.bus.check(principals.user("u1"), Rang())


async def test_a_pattern_that_is_refused_leaves_no_task_behind() -> None:
    async with BusForTests() as test:
        before = asyncio.all_tasks()
        with pytest.raises(TopicInvalid):
            test.module("door").listen("A.b", lambda _envelope: asyncio.sleep(0))
        assert asyncio.all_tasks() == before


async def test_what_is_no_event_is_refused() -> None:
    async with BusForTests() as test:
        with pytest.raises(PayloadInvalid):
            await test.module("door").publish({"times": 1})  # type: ignore[arg-type]  # the point of the test
        with pytest.raises(TopicInvalid):
            await test.module("door").publish(Misnamed())


async def test_a_request_is_answered_in_the_callers_task_with_the_callers_cause() -> None:
    async with BusForTests() as test:
        seen: list[tuple[asyncio.Task[object] | None, Cause | None]] = []

        async def answer(request: HowMany) -> int:
            seen.append((asyncio.current_task(), current_cause()))
            return len(request.of)

        test.module("door").respond(HowMany, answer)
        with acting_under(Cause(source=principals.SYSTEM, actor=principals.SYSTEM)):
            assert await test.module("hall").request(HowMany(of="abc")) == 3
        ((task, cause),) = seen
        assert task is asyncio.current_task()
        assert cause is not None
        assert (cause.source, cause.actor) == ("module:hall", "system")
        assert test.bus.answered() == {HowMany: "module:door"}


async def test_one_topic_has_one_responder() -> None:
    async with BusForTests() as test:

        async def answer(request: HowMany) -> int:
            return 1

        test.module("door").respond(HowMany, answer)
        with pytest.raises(ValueError, match="answered by module:door already"):
            test.module("door").respond(HowMany, answer)


async def test_asking_needs_the_permission_of_both_source_and_actor() -> None:
    async with BusForTests() as test:

        async def answer(request: HowMany) -> int:
            return 1

        test.module("door").respond(HowMany, answer)
        ask = HowMany(of="x")
        with pytest.raises(NotPermitted, match=r"plugin:bird lacks the permission door\.count"):
            await test.plugin("bird").request(ask)
        test.permissions.grant_plugin(principals.plugin("bird"), frozenset({"door.*"}))
        assert await test.plugin("bird").request(ask) == 1
        with acting_under(Cause(source=principals.SYSTEM, actor=principals.user("u1"))):
            with pytest.raises(NotPermitted, match="user:u1 lacks"):
                await test.plugin("bird").request(ask)
            test.permissions.install(PermissionSnapshot(grants={principals.user("u1"): {"default": frozenset({">"})}}))
            assert await test.plugin("bird").request(ask) == 1
        test.permissions.revoke_plugin(principals.plugin("bird"))
        with pytest.raises(NotPermitted):
            await test.plugin("bird").request(ask)


async def test_a_plugin_hears_only_what_it_may() -> None:
    async with BusForTests() as test:
        heard: list[str] = []

        async def hear(envelope: Envelope[Event]) -> None:
            heard.append(envelope.topic)

        test.plugin("bird").listen("door.>", hear)
        await test.module("door").publish(Opened())
        await test.module("door").publish(Rang())
        await settle()
        assert heard == ["door.bell.rang"]
        test.permissions.grant_plugin(principals.plugin("bird"), frozenset({"door.read"}))
        await test.module("door").publish(Opened())
        await settle()
        assert heard == ["door.bell.rang", "door.opened"]


async def test_a_request_that_is_not_answered_in_time_says_so() -> None:
    async with BusForTests() as test:

        async def never(request: HowMany) -> int:
            await asyncio.Event().wait()
            return 0

        test.module("door").respond(HowMany, never)
        with pytest.raises(RequestTimeout, match=r"door\.count was not answered within 0\.001 s"):
            await test.module("hall").request(HowMany(of="x"), timeout=0.001)


async def test_a_responders_own_timeout_is_its_own_error() -> None:
    async with BusForTests() as test:

        async def raises(request: HowMany) -> int:
            raise TimeoutError("the door's own")

        test.module("door").respond(HowMany, raises)
        with pytest.raises(TimeoutError, match="the door's own"):
            await test.module("hall").request(HowMany(of="x"))


async def test_a_publisher_that_is_too_fast_is_told_when_to_come_back() -> None:
    async with BusForTests(settings=BusSettings(plugin_rate=10, plugin_burst=2)) as test:
        told: list[RateLimitHit] = []

        async def note(envelope: Envelope[RateLimitHit]) -> None:
            told.append(envelope.payload)

        test.module("audit").listen(RateLimitHit, note)
        bird = test.plugin("bird")
        for _ in range(2):
            await bird.publish(Chirped())
        for _ in range(3):
            with pytest.raises(RateLimited) as refused:
                await bird.publish(Chirped())
        assert refused.value.retry_after == pytest.approx(0.1)
        await settle()
        assert told == [RateLimitHit(principal="plugin:bird", refused=1)]
        await test.clock.advance(1.5)
        for _ in range(2):
            await bird.publish(Chirped())
        with pytest.raises(RateLimited):
            await bird.publish(Chirped())
        await settle()
        assert told[1:] == [RateLimitHit(principal="plugin:bird", refused=3)]
        assert test.bus.overview().refused["rate-limited"] == 4


async def test_a_request_counts_against_the_same_bucket() -> None:
    async with BusForTests(settings=BusSettings(plugin_rate=10, plugin_burst=1)) as test:

        async def answer(request: HowMany) -> int:
            return 1

        test.module("door").respond(HowMany, answer)
        await test.plugin("bird").publish(Chirped())
        with pytest.raises(RateLimited):
            await test.plugin("bird").request(HowMany(of="x"))
        await test.plugin("owl").publish(Owled())


async def test_a_loop_of_causes_is_broken_and_told_of_once_a_second() -> None:
    async with BusForTests() as test:
        rounds: list[int] = []
        broken: list[LoopBroken] = []
        door = test.module("door")

        async def ring_again(envelope: Envelope[Rang]) -> None:
            rounds.append(envelope.cause.hop)
            await door.publish(Rang())

        async def note(envelope: Envelope[LoopBroken]) -> None:
            broken.append(envelope.payload)

        test.module("audit").listen(LoopBroken, note)
        door.listen(Rang, ring_again)
        await door.publish(Rang())
        await door.publish(Rang())
        await settle(200)
        assert sorted(rounds) == sorted([*range(HOP_LIMIT), *range(HOP_LIMIT)])
        assert [(each.principal, each.message) for each in broken] == [("module:door", "door.bell.rang")]
        assert test.bus.overview().loops_broken == 2


async def test_a_kernel_event_that_cannot_be_recorded_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    async with BusForTests() as test:

        async def no_disk(principal: object, event: Event) -> None:
            raise ViveSphereError("the disk is full")

        test.bus.record_with(no_disk)
        test.bus.trouble.report(
            LoopBroken(principal="module:door", message="x", correlation_id="c"),
            Cause(source=principals.SYSTEM, actor=principals.SYSTEM),
        )
        await test.bus.close(deadline=1)
        assert "kernel_event_lost" in capsys.readouterr().out


async def test_requests_that_ask_one_another_for_ever_are_broken() -> None:
    async with BusForTests() as test:
        asked: list[str] = []
        door = test.module("door")

        async def ask_again(request: HowMany) -> int:
            asked.append(request.of)
            return await door.request(request)

        door.respond(HowMany, ask_again)
        with pytest.raises(HopLimitExceeded, match="it is a loop"):
            await door.request(HowMany(of="x"))
        assert len(asked) == REQUEST_DEPTH_LIMIT


async def test_close_lets_what_is_queued_be_handled_within_the_deadline() -> None:
    test = BusForTests()
    heard: list[int] = []

    async def hear(envelope: Envelope[Rang]) -> None:
        heard.append(envelope.payload.times)

    async def never(envelope: Envelope[Opened]) -> None:
        await asyncio.Event().wait()

    test.module("hall").listen(Rang, hear)
    stuck = test.module("hall").listen(Opened, never)
    for times in range(5):
        await test.module("door").publish(Rang(times=times))
    await test.module("door").publish(Opened())
    await test.bus.close(deadline=0.01)
    assert heard == list(range(5))
    assert stuck.closed


async def test_a_durable_event_before_there_is_a_log_is_a_wiring_error() -> None:
    from vivesphere.kernel.bus.bus import Bus
    from vivesphere.kernel.bus.handle import BusHandle

    test = BusForTests()
    bare = Bus(permissions=test.permissions, limits=test.bus.limits, clock=test.clock)
    with pytest.raises(RuntimeError, match="before the bus had an event log"):
        await BusHandle(bare, principals.module("door"), test.lifetime).publish(Opened())


def test_messages_are_frozen_typed_and_know_their_reply() -> None:
    assert reply_type(HowMany) is int
    assert Opened.durable
    assert not Rang.durable
    with pytest.raises(AttributeError):
        Rang().times = 2
    with pytest.raises(TypeError):
        Rang(2)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"times": "two"}', type=Rang)

    class Bare(msgspec.Struct):
        pass

    with pytest.raises(TypeError, match="must derive from Request"):
        reply_type(Bare)  # type: ignore[arg-type]  # the point of the test


async def test_a_publisher_is_seen_to_have_sent_what_it_reported_too() -> None:
    async with BusForTests() as test:
        door = test.module("door")
        await door.publish(Rang())
        await door.publish(Opened())
        staged = Cause(source=door.principal, actor=door.principal)
        test.bus.dispatch([test.bus.envelope(Opened(), staged)])
        (seen,) = (each for each in test.bus.overview().publishers if each.principal == door.principal)
        assert seen.published == 3


async def test_a_durable_event_that_cannot_be_kept_is_refused_and_counted() -> None:
    async with BusForTests() as test:

        async def away(principal: Principal, event: Event) -> None:
            raise LogUnavailable("the disk is full")

        test.bus.record_with(away)
        with pytest.raises(LogUnavailable, match="the disk is full"):
            await test.module("door").publish(Opened())
        assert test.bus.overview().refused == {"log-unavailable": 1}
