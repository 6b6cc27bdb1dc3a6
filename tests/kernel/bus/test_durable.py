"""A durable listener on a real log: nothing is missed, what fails is tried again, what it writes is written once."""

import asyncio
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
from vivesphere.kernel.bus import durable
from vivesphere.kernel.bus.durable import FIRST_DELAY, LONGEST_DELAY, MAX_DELIVER, Delivery, DurableListener
from vivesphere.kernel.bus.log import DatabaseDeliveryLog
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import current_cause
from vivesphere.kernel.db import deliveries
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.handle import Database, DatabaseHandle, Unit
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.services import Health

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
        self.listener: DurableListener | None = None
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

    def start(self, kind: type[Event] = Rang) -> DurableListener:
        self.listener = DurableListener(
            NAME,
            {kind.topic: kind},
            self.handle,
            log=DatabaseDeliveryLog(self.system, self.clock),
            clock=self.clock,
            admits=lambda envelope: getattr(envelope.payload, "number", 0) != 13,
            jitter=lambda: 0.0,
        )
        listener = self.listener

        def dispatch(envelopes: Sequence[Envelope[Any]]) -> None:
            for envelope in envelopes:
                listener.offer((envelope, envelope.cause))

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

    async def guests(self) -> list[int]:
        return list(await self.hall.read(lambda tx: tx.execute(sa.select(guests.c.number)).scalars().all()))


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


async def test_a_new_listener_begins_now_and_hears_in_order(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await test.ring(1, 2)
        listener = test.start()
        await test.idle()
        await test.ring(3)
        await test.database.handle(DOOR).write(_emit, Knocked())
        await test.ring(4, 5)
        await test.until(lambda: test.heard == [3, 4, 5])
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
        numbers = list(range(100, 100 + 2 * deliveries.BATCH + 1))

        def ring_all(tx: Unit) -> None:
            for number in numbers:
                tx.emit(Rang(number=number))

        await test.database.handle(DOOR).write(ring_all)
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
        assert await test.system.read(deliveries.next_at, NAME) is None


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
        await test.until(lambda: listener._kept >= 3)
        assert await test.system.write(deliveries.open_cursor, NAME) >= 3


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
        assert [(each.name, each.handled) for each in bus.bus.statistics().listeners] == [(NAME, 1)]
        assert bus.bus.health() == Health()
        listener.dead = 1
        assert bus.bus.health() == Health("degraded", f"{NAME} gave up 1, see the log")
        assert not await bus.lifetime.close()
        await database.handle(DOOR).write(_emit, Rang(number=2))
        await bus.bus.settled()
        assert heard == [1]


class Flaky:
    """A handle whose reads fail for a while."""

    def __init__(self, real: DatabaseHandle) -> None:
        self.real = real
        self.away = True

    async def read(self, *args: Any) -> Any:
        if self.away:
            raise DatabaseUnavailable("the disk is full")
        return await self.real.read(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


async def test_while_the_database_is_away_it_waits_and_asks_again(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        flaky = Flaky(test.system)
        test.system = flaky  # type: ignore[assignment]  # what a handle has, and no more is asked of it
        test.start()
        await test.until(lambda: test.clock._sleepers)
        await test.ring(1)
        flaky.away = False
        await test.clock.advance(durable.AWAY_DELAY)
        await test.until(lambda: test.heard == [1])
