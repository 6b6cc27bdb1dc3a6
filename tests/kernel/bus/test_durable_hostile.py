"""What handlers do to a durable listener that nobody expects of them: it goes on, or says that it does not."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.bus.test_durable import HALL, Knocked, Rang, let_in, world
from tests.support.bus import BusForTests

from vivesphere.kernel.bus.breaker import COOL_DOWN, ROUNDS
from vivesphere.kernel.bus.delivery_log import Found, Look
from vivesphere.kernel.bus.durable import FIRST_DELAY, Delivery, DurableSubscription
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.log import DatabaseDeliveryLog
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.lifetime import Lifetime

pytestmark = pytest.mark.usefixtures("engine")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [Unspeakable(), ValueError("half a pair \ud800"), ValueError("nothing \0")])
async def test_an_error_that_cannot_be_told_is_put_aside_like_another(tmp_path: Path, error: Exception) -> None:
    async with world(tmp_path) as test:

        async def fail(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            if delivery.event.number == 1:
                raise error

        test.handler = fail
        listener = test.start()
        await test.idle()
        await test.ring(1, 2)
        await test.until(lambda: test.heard == [1, 2])
        await test.idle()
        assert (await test.rows()) == [(1, "waiting")]
        assert listener.blocked is None


async def test_a_handler_that_swallows_its_end_is_followed_by_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        entered = asyncio.Event()

        async def stubborn(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            entered.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

        test.handler = stubborn
        test.start()
        await test.idle()
        await test.ring(1, 2, 3)
        await entered.wait()
        assert test.task is not None
        test.task.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({test.task})
        assert test.heard == [1]
        assert await test.cursor() == 1, "the handler has returned"


async def test_a_listener_that_its_handler_ends_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as test:

        async def give_up(_delivery: Delivery[Rang]) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        test.handler = give_up
        listener = test.start()
        await test.idle()
        await test.ring(1)
        await test.until(lambda: test.task and test.task.done())
        assert listener.blocked == "it was cancelled"
        await test.idle()


async def test_a_listener_that_meets_a_defect_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_log: DatabaseDeliveryLog, _wanted: Look) -> Found:
        raise RuntimeError("a row that nobody can read")

    async with world(tmp_path) as test:
        monkeypatch.setattr(DatabaseDeliveryLog, "look", broken)
        listener = test.start()
        await test.until(lambda: test.task and test.task.done())
        assert test.task is not None
        assert test.task.exception() is not None
        assert "it ended: " in str(listener.blocked)


async def test_a_log_that_does_not_answer_is_told_of_until_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as test:
        away = True
        look = test.system.read

        async def read(_self: Any, *args: Any) -> Any:
            if away:
                raise DatabaseUnavailable("the disk is full")
            return await look(*args)

        monkeypatch.setattr(type(test.system), "read", read)
        listener = test.start()
        await test.until(lambda: listener.blocked)
        assert "the disk is full" in str(listener.blocked)
        monkeypatch.undo()
        await test.clock.advance(1)
        await test.idle()
        assert listener.blocked is None


async def test_the_same_place_in_the_log_is_not_given_twice(tmp_path: Path) -> None:
    async def hear(_delivery: Delivery[Any]) -> None: ...

    async with world(tmp_path) as test, BusForTests() as bus:
        bus.bus.read_with(DatabaseDeliveryLog(test.system, test.clock))
        lifetime = Lifetime("hall")
        hall = BusHandle(bus.bus, HALL, lifetime)
        hall.listen_durably([Rang], hear, name="bell")
        with pytest.raises(ValueError, match="module:hall/bell listens already"):
            hall.listen_durably([Knocked], hear, name="bell")
        with pytest.raises(ValueError, match="at least one kind"):
            hall.listen_durably([], hear, name="nothing")
        await lifetime.close()
        with pytest.raises(RuntimeError, match="closed"):
            hall.listen_durably([Rang], hear, name="late")
        assert not bus.bus.durable
        assert bus.bus.routes.match(Rang.topic) == ()
        bus.module("hall").listen_durably([Rang], hear, name="bell")


async def test_a_trial_that_fails_ends_the_wait_for_it(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        listener = test.start()
        await test.idle()
        for _ in range(ROUNDS + 1):
            listener.breakers._of(Rang.topic).came_round("chain", 1, 0.0)
            listener.breakers._of(Rang.topic).came_round("chain", 9, 0.0)
        assert listener.breakers.tripped() == (Rang.topic,)
        await test.clock.advance(COOL_DOWN)
        test.fail = lambda number: number == 1
        await test.ring(1)
        await test.until(lambda: listener.failed == 1)
        await test.ring(2)
        await test.until(lambda: listener.failed == 2)
        assert test.heard == [1], "the second was cut off: the trial had failed"
        test.fail = lambda _: False
        async with asyncio.timeout(10):
            # What is tried before the cool-down is over is put aside again, for how long depends on when the database answers.
            while listener.handled < 2:
                await test.clock.advance(FIRST_DELAY)
        assert listener.breakers.tripped() == ()


async def test_to_acknowledge_twice_at_once_in_lanes_fails_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        first = asyncio.Event()

        async def twice(delivery: Delivery[Rang]) -> None:
            number = delivery.event.number
            if number == 10:
                await first.wait()
                return

            def again(_tx: Unit) -> None: ...

            await asyncio.gather(
                test.hall.acknowledge(delivery.acknowledgement, let_in, number),
                test.hall.acknowledge(delivery.acknowledgement, again),
            )
            raise ValueError("after acknowledging")

        test.handler = twice
        listener: DurableSubscription = test.start(lanes=2, key=lambda envelope: envelope.payload.number // 10)
        await test.idle()
        await test.ring_together(10, 20, 21)
        await test.until(lambda: listener.handled == 2)
        first.set()
        await test.until(lambda: listener.handled == 3)
        await test.idle()
        assert await test.guests() == [20, 21]
        assert (listener.failed, await test.cursor(), await test.rows()) == (0, 3, [])
