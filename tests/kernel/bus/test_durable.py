"""A durable listener on a real log: nothing is missed, what fails is tried again, what it writes is written once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.bus import durable, patience
from vivesphere.kernel.bus.durable import (
    FIRST_DELAY,
    LONGEST_DELAY,
    MAX_DELIVER,
    Delivery,
    DurableListening,
    DurableSubscription,
)
from vivesphere.kernel.bus.in_flight import Acknowledgement
from vivesphere.kernel.bus.log import DatabaseDeliveryLog
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.cause import current_cause
from vivesphere.kernel.db import deliveries
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.handle import Database, DatabaseHandle, Unit
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.services import Health

pytestmark = pytest.mark.usefixtures("engine")

DOOR = principals.module("door")
HALL = principals.module("hall")
NAME = "module:hall/bell"

guests = sa.Table("guests", sa.MetaData(), sa.Column("number", sa.Integer), sa.Column("at", sa.Integer))


class Rang(Event, durable=True):
    topic = "door.bell.rang"
    number: int


class Knocked(Event, durable=True):
    topic = "door.knocked"


class Glanced(Event):
    topic = "door.glanced"


class World:
    """A database, and one listener that can be killed and started again on it."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.system = database.handle(SYSTEM)
        self.hall = database.handle(HALL)
        self.heard: list[int] = []
        self.fail: Callable[[int], bool] = lambda _: False
        self.handler: Callable[[Delivery[Rang]], Any] = self.note
        self.listener: DurableSubscription | None = None
        self.task: asyncio.Task[None] | None = None

    async def note(self, delivery: Delivery[Rang]) -> None:
        self.heard.append(delivery.event.number)
        if self.fail(delivery.event.number):
            raise ValueError(f"cannot open for {delivery.event.number}")

    async def handle(self, delivery: Delivery[Rang]) -> None:
        await self.handler(delivery)

    async def ring(self, *numbers: int) -> None:
        for number in numbers:
            await self.database.handle(DOOR).write(_emit, Rang(number=number))

    async def ring_together(self, *numbers: int) -> None:
        """In one commit."""

        def ring(tx: Unit) -> None:
            for number in numbers:
                tx.emit(Rang(number=number))

        await self.database.handle(DOOR).write(ring)

    def listener_of(self, kind: type[Event], name: str, options: dict[str, Any]) -> DurableSubscription:
        return DurableSubscription(
            DurableListening(name=name, kinds={kind.topic: kind}, handler=self.handle, **options),
            log=DatabaseDeliveryLog(self.system, self.clock),
            clock=self.clock,
            admits=lambda envelope: getattr(envelope.payload, "number", 0) != 13,
            jitter=lambda: 0.0,
            tripped=lambda listener, envelope, reason: None,
        )

    def running(self) -> list[DurableSubscription]:
        return [] if self.listener is None else [self.listener]

    def start(self, kind: type[Event] = Rang, *, name: str = NAME, **options: Any) -> DurableSubscription:
        self.listener = listener = self.listener_of(kind, name, options)

        def dispatch(envelopes: Sequence[Envelope[Any]]) -> None:
            for _ in envelopes:
                listener.wake()

        self.database.hooks.dispatch = dispatch
        self.task = asyncio.create_task(self.listener.run())
        return self.listener

    async def kill(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait({self.task})

    async def until(self, so: Callable[[], Any]) -> None:
        """The database answers from threads of its own, so the loop is given turns until it has."""
        async with asyncio.timeout(10):
            while not so():  # noqa: ASYNC110 - what is waited for is a plain fact of the test, with no event to it
                await asyncio.sleep(0)

    async def idle(self) -> None:
        """Until the listener has nothing to do."""
        assert self.listener is not None
        async with asyncio.timeout(10):
            await self.listener.drained()

    async def rows(self) -> list[tuple[int, str]]:
        """What the listener owes beside its cursor."""
        asked = sa.select(deliveries.deliveries.c.seq, deliveries.deliveries.c.status).order_by(deliveries.deliveries.c.seq)
        return [(row.seq, row.status) for row in await self.system.read(lambda tx: tx.execute(asked).all())]

    async def cursor(self) -> int:
        return int(await self.system.read(lambda tx: tx.execute(sa.select(deliveries.cursors.c.seq)).scalar_one()))

    async def guests(self) -> list[int]:
        return list(await self.hall.read(lambda tx: tx.execute(sa.select(guests.c.number)).scalars().all()))


class Flaky:
    """A handle whose reads fail for a while."""

    def __init__(self, real: DatabaseHandle, *, away: bool = True) -> None:
        self.real = real
        self.away = away

    async def read(self, *args: Any) -> Any:
        if self.away:
            raise DatabaseUnavailable("the disk is full")
        return await self.real.read(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@asynccontextmanager
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    async with open_database(tmp_path, models=(), extra={guests: HALL}, clock=clock) as database:
        made = World(database, clock)
        try:
            yield made
        finally:
            if made.task is not None:
                await made.kill()


def _emit(tx: Unit, event: Event) -> None:
    tx.emit(event)


def let_in(tx: Unit, number: int) -> None:
    tx.execute(sa.insert(guests), {"number": number})


def tens(envelope: Envelope[Rang]) -> int:
    """The key of the tests: 10 and 11 have one, 20 and 21 another, which among two lanes goes its own way."""
    return envelope.payload.number // 10


async def test_a_new_listener_begins_now_and_hears_in_order(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await test.ring(1, 2)
        listener = test.start()
        await test.idle()
        await test.ring(3)
        await test.database.handle(DOOR).write(_emit, Knocked())
        await test.ring(4, 5)
        await test.until(lambda: test.heard == [3, 4, 5])
        await test.idle()
        assert listener.handled == 3


async def test_what_was_said_while_it_was_dead_is_heard_afterwards_and_nothing_twice(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        test.start()
        await test.idle()
        await test.ring(1)
        await test.until(lambda: test.listener and test.listener.handled == 1)
        await test.idle()
        await test.kill()
        await test.ring(2, 3)
        test.start()
        await test.until(lambda: test.heard == [1, 2, 3])


async def test_a_backlog_longer_than_one_read_is_heard_to_its_end(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        test.start()
        await test.idle()
        numbers = list(range(100, 100 + 2 * durable.IN_FLIGHT + 1))
        await test.ring_together(*numbers)
        await test.until(lambda: test.heard == numbers)


async def test_what_it_does_is_caused_by_the_event(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        causes: list[Any] = []

        async def look(delivery: Delivery[Rang]) -> None:
            causes.append((current_cause(), delivery.envelope))

        test.handler = look
        test.start()
        await test.idle()
        await test.ring(1)
        await test.until(lambda: causes)
        ((cause, envelope),) = causes
        assert (cause.causation_id, cause.hop, cause.source) == (envelope.id, 1, DOOR)
        assert envelope.seq == 1


async def test_a_killed_handler_hears_the_event_again_but_writes_once(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        reached = asyncio.Event()

        async def die_after_writing(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            await test.hall.acknowledge(delivery.acknowledgement, let_in, delivery.event.number)
            reached.set()
            await asyncio.Event().wait()

        async def die_before_writing(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            reached.set()
            await asyncio.Event().wait()

        async def work(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            await test.hall.acknowledge(delivery.acknowledgement, let_in, delivery.event.number)

        test.handler = die_after_writing
        test.start()
        await test.idle()
        await test.ring(1, 2)
        async with asyncio.timeout(10):
            await reached.wait()
        await test.kill()
        reached.clear()
        test.handler = die_before_writing
        test.start()
        async with asyncio.timeout(10):
            await reached.wait()
        await test.kill()
        test.handler = work
        test.start()
        await test.until(lambda: test.heard == [1, 2, 2])
        await test.idle()
        assert await test.guests() == [1, 2]


async def test_a_handler_that_raises_after_its_last_unit_has_handled_the_event(tmp_path: Path) -> None:
    async with world(tmp_path) as test:

        async def raise_too_late(delivery: Delivery[Rang]) -> None:
            await test.hall.acknowledge(delivery.acknowledgement, let_in, delivery.event.number)
            test.heard.append(delivery.event.number)
            raise ValueError("too late")

        test.handler = raise_too_late
        listener = test.start()
        await test.idle()
        await test.ring(1)
        await test.until(lambda: test.heard == [1])
        await test.idle()
        await test.clock.advance(1000)
        assert (listener.failed, test.heard, await test.guests()) == (0, [1], [1])


async def test_a_unit_that_fails_acknowledges_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as test:

        def refuse(tx: Unit, number: int) -> None:
            let_in(tx, number)
            raise ValueError("no")

        async def work(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.attempt)
            await test.hall.acknowledge(
                delivery.acknowledgement, refuse if delivery.attempt == 1 else let_in, delivery.event.number
            )

        test.handler = work
        test.start()
        await test.idle()
        await test.ring(7)
        await test.until(lambda: test.heard == [1])
        await test.idle()
        await test.clock.advance(FIRST_DELAY)
        await test.until(lambda: test.heard == [1, 2])
        await test.idle()
        assert await test.guests() == [7]


async def test_a_failed_event_holds_nobody_up_and_comes_again_later_each_time_until_it_is_dead(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        test.fail = lambda number: number == 1
        listener = test.start()
        await test.idle()
        await test.ring(1, 2)
        await test.until(lambda: test.heard == [1, 2])
        for attempt in range(1, MAX_DELIVER):
            await test.idle()
            before = len(test.heard)
            delay = min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)
            await test.clock.advance(0.8 * delay)
            await test.idle()
            assert len(test.heard) == before
            await test.clock.advance(0.3 * delay)
            await test.until(partial(lambda wanted: len(test.heard) == wanted, before + 1))
        await test.until(lambda: listener.dead == 1)
        await test.idle()
        (dead,) = await test.system.read(lambda tx: tx.execute(sa.select(deliveries.deliveries)).all())
        assert (dead.status, dead.seq, dead.attempts) == ("dead", 1, MAX_DELIVER)
        assert dead.error == "ValueError: cannot open for 1"
        await test.clock.advance(10_000)
        assert test.heard.count(1) == MAX_DELIVER


async def test_a_stray_cancellation_fails_one_delivery_and_does_not_end_the_listener(tmp_path: Path) -> None:
    async with world(tmp_path) as test:

        async def await_what_somebody_cancelled(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            if delivery.event.number == 1:
                raise asyncio.CancelledError

        test.handler = await_what_somebody_cancelled
        listener = test.start()
        await test.idle()
        await test.ring(1, 2)
        await test.until(lambda: test.heard == [1, 2])
        await test.idle()
        assert (listener.handled, listener.failed) == (1, 1)


async def test_a_waiting_event_is_tried_again_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        test.fail = lambda _: len(test.heard) == 1
        test.start()
        await test.idle()
        await test.ring(1)
        await test.until(lambda: test.heard == [1])
        await test.idle()
        await test.kill()
        test.start()
        await test.idle()
        await test.clock.advance(FIRST_DELAY)
        await test.until(lambda: test.heard == [1, 1])
        await test.idle()
        assert await test.rows() == []


async def test_an_event_it_may_not_hear_is_passed_over(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        test.start()
        await test.idle()
        await test.ring(13, 14)
        await test.until(lambda: test.heard == [14])


async def test_an_event_that_the_contract_reads_no_more_is_put_aside(tmp_path: Path) -> None:
    class Renamed(Event, durable=True):
        topic = Rang.topic
        count: int

    async with world(tmp_path) as test:
        listener = test.start(Renamed)
        await test.idle()
        await test.ring(1)
        await test.until(lambda: listener.failed == 1)
        assert test.heard == []


async def test_others_events_are_remembered_as_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "SKIP", 3)
    async with world(tmp_path) as test:
        test.start()
        await test.idle()
        for _ in range(4):
            await test.database.handle(DOOR).write(_emit, Knocked())
        listener = test.listener
        assert listener is not None
        await test.until(lambda: listener._flight.kept >= 3)
        assert await test.cursor() >= 3


async def test_a_module_listens_through_its_handle(tmp_path: Path) -> None:
    async with BusForTests() as bus, open_database(tmp_path, models=(), extra={guests: HALL}, clock=bus.clock) as database:
        database.hooks.dispatch = bus.bus.dispatch
        heard: list[int] = []

        async def note(delivery: Delivery[Rang]) -> None:
            heard.append(delivery.event.number)

        with pytest.raises(RuntimeError, match="before the bus has an event log"):
            bus.module("hall").listen_durably((Rang,), note, name="bell")
        bus.bus.read_with(DatabaseDeliveryLog(database.handle(SYSTEM), bus.clock))
        with pytest.raises(ValueError, match=r"door\.glanced is not durable"):
            bus.module("hall").listen_durably((Rang, Glanced), note, name="bell")
        listener = bus.module("hall").listen_durably((Rang, Knocked), note, name="bell")
        await bus.bus.settled()
        await database.handle(DOOR).write(_emit, Rang(number=1))
        await bus.bus.settled()
        assert heard == [1]
        assert [(each.name, each.handled) for each in bus.bus.overview().subscribers] == [(NAME, 1)]
        assert bus.bus.health() == Health()
        listener.dead = 1
        assert bus.bus.health() == Health("degraded", f"{NAME} gave up 1, see its dead letters")
        listener.dead = 0
        gone = "0198c0de-0000-7000-8000-000000000000"
        bus.module("hall").listen_durably((Rang,), note, name="lost", start=gone)
        await bus.bus.settled()
        told = f"module:hall/lost does not go on: it was to begin with the event {gone}, which is not in the log"
        assert bus.bus.health() == Health("degraded", told)
        assert not await bus.lifetime.close()
        await database.handle(DOOR).write(_emit, Rang(number=2))
        await bus.bus.settled()
        assert heard == [1]


async def test_while_the_database_is_away_it_waits_and_asks_again(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        flaky = Flaky(test.system)
        test.system = flaky  # type: ignore[assignment]  # what a handle has, and no more is asked of it
        test.start()
        await test.until(lambda: test.clock._sleepers)
        await test.ring(1)
        flaky.away = False
        await test.clock.advance(patience.AWAY_DELAY)
        await test.until(lambda: test.heard == [1])


async def test_a_slow_key_holds_up_no_other_lane_and_nothing_is_passed_over(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        gate = asyncio.Event()

        async def work(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            if delivery.event.number == 10:
                await gate.wait()
            await test.hall.acknowledge(delivery.acknowledgement, let_in, delivery.event.number)

        test.handler = work
        listener = test.start(lanes=2, key=tens)
        await test.idle()
        await test.ring(10, 20, 11, 21, 22)
        await test.until(lambda: listener.handled == 3)
        assert test.heard == [10, 20, 21, 22]
        assert (listener.waiting, listener.lag, await test.cursor()) == (2, 5, 0)
        assert await test.rows() == [(2, "done"), (4, "done"), (5, "done")]
        await test.kill()
        test.start(lanes=2, key=tens)
        await test.until(lambda: test.heard == [10, 20, 21, 22, 10])
        gate.set()
        await test.idle()
        assert test.heard == [10, 20, 21, 22, 10, 11]
        assert (await test.cursor(), await test.rows()) == (5, [])
        assert sorted(await test.guests()) == [10, 11, 20, 21, 22]


async def test_without_a_key_the_lanes_share_the_events(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        together = asyncio.Barrier(3)

        async def meet(delivery: Delivery[Rang]) -> None:
            await together.wait()
            test.heard.append(delivery.event.number)

        test.handler = meet
        test.start(lanes=3)
        await test.idle()
        await test.ring(*range(100, 106))
        await test.until(lambda: len(test.heard) == 6)
        await test.idle()
        assert (await test.cursor(), await test.rows()) == (6, [])


async def test_no_more_is_read_than_may_be_in_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "IN_FLIGHT", 4)
    async with world(tmp_path) as test:
        gate = asyncio.Event()

        async def work(delivery: Delivery[Rang]) -> None:
            if delivery.event.number == 10:
                await gate.wait()
            test.heard.append(delivery.event.number)

        test.handler = work
        listener = test.start(lanes=2, key=tens)
        await test.idle()
        await test.ring(10, *range(200, 210), *range(220, 230))
        await test.until(lambda: listener.handled == 20)
        assert listener.waiting == 1
        await test.ring_together(11, 12, 14, 15, 220)
        await test.until(lambda: listener.waiting == 4)
        assert listener.handled == 20
        gate.set()
        await test.idle()
        assert [number for number in test.heard if number < 20] == [10, 11, 12, 14, 15]
        assert (len(test.heard), await test.cursor(), await test.rows()) == (26, 26, [])


async def test_an_ordered_listener_waits_for_a_failed_event_and_for_a_person(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        redelivery = Redelivery(test.system, test.running)
        test.fail = lambda number: number == 10
        listener = test.start(lanes=2, key=tens, ordered=True, max_deliver=2)
        await test.idle()
        await test.ring(10, 11, 20)
        await test.idle()
        assert test.heard == [10, 20]
        assert listener.blocked is not None
        assert "door.bell.rang" in listener.blocked
        assert "failed 1 times and holds up what comes after it: the next try is at 12:00:01 UTC" in listener.blocked
        assert await test.rows() == [(1, "waiting"), (3, "done")]
        await test.kill()
        listener = test.start(lanes=2, key=tens, ordered=True, max_deliver=2)
        await test.idle()
        assert test.heard == [10, 20]
        await test.clock.advance(FIRST_DELAY)
        await test.until(lambda: listener.dead == 1)
        await test.idle()
        assert (test.heard, await test.cursor()) == ([10, 20, 10], 0)
        assert "failed 2 times and holds up what comes after it: retry or drop" in str(listener.blocked)
        await test.kill()
        listener = test.start(lanes=2, key=tens, ordered=True, max_deliver=2)
        await test.idle()
        assert listener.dead == 1
        listener.reconsider()
        await test.idle()
        assert "retry or drop" in str(listener.blocked)
        test.fail = lambda _: False
        (letter,) = await redelivery.dead_letters()
        assert await redelivery.retry([letter.id]) == 1
        await test.until(lambda: test.heard == [10, 20, 10, 10, 11])
        await test.idle()
        assert (listener.blocked, listener.dead) == (None, 0)
        assert (await test.cursor(), await test.rows()) == (3, [])


async def test_an_ordered_listener_goes_on_when_the_dead_letter_is_dropped(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        redelivery = Redelivery(test.system, test.running)
        test.fail = lambda number: number == 1
        listener = test.start(ordered=True, max_deliver=1)
        await test.idle()
        await test.ring(1, 2, 3)
        await test.until(lambda: listener.blocked)
        (letter,) = await redelivery.dead_letters(listener=NAME)
        assert (letter.attempts, letter.error) == (1, "ValueError: cannot open for 1")
        assert await redelivery.drop([letter.id]) == 1
        await test.until(lambda: test.heard == [1, 2, 3])
        await test.idle()
        assert (await test.cursor(), await test.rows()) == (3, [])
        await test.kill()
        test.start(ordered=True)
        await test.idle()
        assert test.heard == [1, 2, 3]


async def test_where_a_new_listener_begins(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await test.ring(1, 2, 3)
        (_, second, _) = await test.system.read(lambda tx: tx.execute(sa.text("SELECT id FROM event_log")).scalars().all())
        test.start(start=second)
        await test.idle()
        assert test.heard == [2, 3]
        await test.kill()
        test.start(start="beginning")
        await test.idle()
        # It was not new.
        assert test.heard == [2, 3]
        await test.kill()
        test.start(start="beginning", name="module:hall/other")
        await test.idle()
        assert test.heard == [2, 3, 1, 2, 3]


async def test_an_event_to_begin_with_that_is_not_there_is_told_and_ends_only_the_listener(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await test.ring(1)
        listener = test.start(start="0198c0de-0000-7000-8000-000000000000")
        await test.idle()
        assert test.task is not None
        await asyncio.wait({test.task})
        assert test.task.exception() is None
        assert listener.blocked == (
            "it was to begin with the event 0198c0de-0000-7000-8000-000000000000, which is not in the log"
        )
        assert (listener.lag, listener.waiting, test.heard) == (None, 0, [])


async def test_options_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        for options in ({"lanes": 0}, {"max_deliver": 0}):
            with pytest.raises(ValueError, match="at least one lane and one try"):
                test.listener_of(Rang, NAME, options)
        with pytest.raises(ValueError, match="several lanes keep no order but that of a key"):
            test.listener_of(Rang, NAME, {"lanes": 2, "ordered": True})


async def test_a_key_that_cannot_read_the_event_fails_that_delivery(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        listener = test.start(lanes=2, key=lambda envelope: 100 // envelope.payload.number)
        await test.idle()
        await test.ring(0, 1)
        await test.until(lambda: listener.failed == 1 and test.heard == [1])
        await test.idle()
        assert await test.rows() == [(1, "waiting")]


async def test_a_unit_that_is_committed_though_nobody_waited_for_it_settles_the_event(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        begun, go = threading.Event(), threading.Event()

        def let_in_slowly(tx: Unit, number: int) -> None:
            begun.set()
            go.wait()
            let_in(tx, number)

        async def lose_patience(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            work = test.hall.acknowledge(delivery.acknowledgement, let_in_slowly, delivery.event.number)
            task = asyncio.ensure_future(work)
            await asyncio.to_thread(begun.wait)
            task.cancel()
            go.set()
            await task

        test.handler = lose_patience
        listener = test.start()
        await test.idle()
        await test.ring(1)
        await test.until(lambda: listener.handled == 1)
        await test.clock.advance(1000)
        await test.idle()
        assert (test.heard, await test.guests(), await test.rows(), listener.failed) == ([1], [1], [], 0)


async def test_so_it_does_for_an_event_ahead_of_the_cursor(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        gate = asyncio.Event()

        async def acknowledge_unheard(delivery: Delivery[Rang]) -> None:
            if delivery.event.number == 10:
                await gate.wait()
                return
            unheard = Acknowledgement(NAME, delivery.envelope.seq or 0, delivery.acknowledgement._flight)
            await test.hall.acknowledge(unheard, let_in, delivery.event.number)
            raise TimeoutError

        test.handler = acknowledge_unheard
        listener = test.start(lanes=2, key=tens)
        await test.idle()
        await test.ring(10, 20)
        await test.until(lambda: listener.handled == 1)
        assert (listener.failed, await test.rows()) == (0, [(2, "done")])
        gate.set()
        await test.idle()
        assert (await test.guests(), await test.rows(), await test.cursor()) == ([20], [], 2)


async def test_a_defect_in_the_log_ends_the_listener_aloud(tmp_path: Path) -> None:
    async with world(tmp_path) as test:

        class Defective(Flaky):
            async def acknowledge(self, *_: Any) -> None:
                raise RuntimeError("a defect")

        test.system = Defective(test.system, away=False)  # type: ignore[assignment]  # what a handle has, and no more
        listener = test.start()
        await test.idle()
        await test.ring(1)
        assert test.task is not None
        await asyncio.wait({test.task}, timeout=10)
        error = test.task.exception()
        assert isinstance(error, ExceptionGroup)
        assert [str(each) for each in error.exceptions] == ["a defect"]
        await listener.drained()


async def test_a_lane_that_is_cancelled_ends_the_whole_listener(tmp_path: Path) -> None:
    async with world(tmp_path) as test:

        async def cancel_oneself(_: Delivery[Rang]) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        test.handler = cancel_oneself
        test.start(lanes=2, key=tens)
        await test.idle()
        await test.ring(1)
        assert test.task is not None
        await asyncio.wait({test.task}, timeout=10)
        assert test.task.cancelled()


async def test_what_was_put_aside_ahead_of_the_cursor_is_found_again_after_a_crash(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        gate = asyncio.Event()

        async def work(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            if delivery.event.number == 10:
                await gate.wait()
            elif delivery.event.number == 20 and delivery.attempt == 1:
                raise ValueError("later")
            await test.hall.acknowledge(delivery.acknowledgement, let_in, delivery.event.number)

        test.handler = work
        listener = test.start(lanes=2, key=tens)
        await test.idle()
        await test.ring(10, 20)
        await test.until(lambda: listener.failed == 1)
        await test.kill()
        listener = test.start(lanes=2, key=tens)
        await test.until(lambda: test.heard == [10, 20, 10])
        await test.until(lambda: test.clock._sleepers)
        await test.clock.advance(FIRST_DELAY)
        await test.until(lambda: listener.handled == 1)
        assert await test.rows() == [(2, "done")]
        gate.set()
        await test.idle()
        assert (sorted(await test.guests()), await test.rows(), await test.cursor()) == ([10, 20], [], 2)


class AwayAtWriting(Flaky):
    """A handle of which every write fails once."""

    async def read(self, *args: Any) -> Any:
        return await self.real.read(*args)

    async def write(self, *args: Any) -> Any:
        return await self._once(self.real.write, *args)

    async def acknowledge(self, *args: Any) -> Any:
        return await self._once(self.real.acknowledge, *args)

    async def _once(self, write: Callable[..., Any], *args: Any) -> Any:
        self.away = not self.away
        if not self.away:
            raise DatabaseUnavailable("the disk is full")
        return await write(*args)


async def test_what_the_database_did_not_take_is_said_again_and_the_handler_not_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sooner than the first next try, which is not what is looked at here.
    monkeypatch.setattr(patience, "AWAY_DELAY", 0.1 * FIRST_DELAY)
    async with world(tmp_path) as test:
        test.system = AwayAtWriting(test.system)  # type: ignore[assignment]  # what a handle has, and no more is asked of it
        test.fail = lambda number: number == 2
        listener = test.start()

        async def go_on(so: Callable[[], Any]) -> None:
            await test.until(lambda: test.clock._sleepers)
            await test.clock.advance(patience.AWAY_DELAY)
            await test.until(so)

        await go_on(lambda: listener.lag is not None)
        await test.idle()
        await test.ring(1)
        await go_on(lambda: listener.handled == 1)
        await test.ring(2)
        await go_on(lambda: listener.failed == 1)
        assert test.heard == [1, 2]
