"""Live events on record: which ones, and what happens when the disk does not keep up or is not there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock, settle
from tests.support.database import open_database
from tests.support.engines import on_sqlite

from vivesphere.kernel import principals
from vivesphere.kernel.bus import audit
from vivesphere.kernel.bus.audit import AuditRecorder
from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.errors import LogUnavailable
from vivesphere.kernel.bus.log import DatabaseEventLog
from vivesphere.kernel.bus.messages import MASK, Envelope, Event
from vivesphere.kernel.bus.overview import AuditOverview
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent, history
from vivesphere.kernel.db.event_rows import LogRow
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.sqlite.connection import Connection
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import SYSTEM

pytestmark = pytest.mark.usefixtures("engine")

BOTS = principals.module("bots")


class Typed(Event):
    topic = "bots.person.typed"
    secret = frozenset({"password"})
    number: int = 0
    password: str = ""
    extra: Any = None


def typed(number: int = 0, **fields: Any) -> Envelope[Typed]:
    cause = Cause(source=BOTS, actor=BOTS)
    payload = Typed(number=number, **fields)
    return Envelope(id=new_id(), topic=Typed.topic, timestamp=1_700_000_000.5, cause=cause, payload=payload)


class Log:
    """Takes rows, or raises what it is told to. `taken` is set whenever it was asked."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def append(self, rows: Sequence[LogRow]) -> None:
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.rows += rows

    async def be_asked(self) -> None:
        self.asked.clear()
        await self.asked.wait()


@asynccontextmanager
async def recording(recorder: AuditRecorder) -> AsyncIterator[None]:
    recorder.start()
    try:
        yield
    finally:
        await recorder.close(deadline=0)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_events_are_recorded_in_their_order_and_in_batches(
    log: Log, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 7)
    monkeypatch.setattr(audit, "SLICE", 3)
    recorder = AuditRecorder(log.append, clock)
    sent = [typed(number) for number in range(50)]
    async with recording(recorder):
        for envelope in sent[:20]:
            recorder.offer(envelope)
        await log.be_asked()
        for envelope in sent[20:]:
            recorder.offer(envelope)
        await recorder.flush()
    assert [row[0] for row in log.rows] == [envelope.id for envelope in sent]
    assert (recorder.recorded, recorder.unaudited, recorder.waiting, recorder.trouble) == (50, 0, 0, None)


async def test_after_a_silence_it_records_again(log: Log, clock: FakeClock) -> None:
    recorder = AuditRecorder(log.append, clock)
    async with recording(recorder):
        for number in range(3):
            recorder.offer(typed(number))
            await log.be_asked()
            await settle()
            assert recorder.recorded == number + 1


async def test_what_does_not_fit_is_counted_and_said(log: Log, clock: FakeClock) -> None:
    recorder = AuditRecorder(log.append, clock, capacity=10)
    for number in range(25):
        recorder.offer(typed(number))
    assert (recorder.waiting, recorder.unaudited) == (10, 15)
    assert recorder.trouble == "events come faster than they can be recorded"
    await recorder.flush()
    assert recorder.overview() == AuditOverview(recorded=10, waiting=0, unaudited=15, trouble=None)


async def test_large_events_do_not_fill_the_memory(log: Log, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "WAITING_BYTES", 10_000)
    recorder = AuditRecorder(log.append, clock)
    log.gate.clear()
    async with recording(recorder):
        for number in range(50):
            recorder.offer(typed(number, extra="x" * 1000))
        await log.be_asked()
        assert recorder.waiting < 12
        assert recorder.unaudited == 50 - recorder.waiting
        log.gate.set()
        await recorder.flush()
        recorder.offer(typed())
        await recorder.flush()
    assert recorder.recorded + recorder.unaudited == 51
    assert log.rows[-1][-1] == '{"number":0,"password":"***","extra":null}'


async def test_while_the_log_is_away_events_wait_and_recording_goes_on_by_itself(
    log: Log, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LINGER", 0)
    recorder = AuditRecorder(log.append, clock, capacity=5)
    log.error = LogUnavailable("the disk is full")
    async with recording(recorder):
        recorder.offer(typed(0))
        await log.be_asked()
        await settle()
        assert recorder.trouble == "the disk is full"
        for number in range(1, 9):
            recorder.offer(typed(number))
        assert (recorder.waiting, recorder.unaudited, recorder.recorded) == (5, 4, 0)
        assert recorder.trouble == "the disk is full", "it says why they wait"
        await clock.advance(audit.AWAY_DELAY)
        assert recorder.waiting == 5, "still away"
        log.error = None
        await clock.advance(audit.AWAY_DELAY)
        assert recorder.overview() == AuditOverview(recorded=5, waiting=0, unaudited=4, trouble=None)
    assert len({row[0] for row in log.rows}) == 5


async def test_one_bad_event_or_batch_loses_nothing_else(log: Log, clock: FakeClock) -> None:
    recorder = AuditRecorder(log.append, clock)
    recorder.offer(typed(1, extra=object()))
    recorder.offer(typed(2))
    await recorder.flush()
    assert (recorder.recorded, recorder.unaudited) == (1, 1)
    log.error = ValueError("a defect")
    recorder.offer(typed(3))
    await recorder.flush()
    assert (recorder.recorded, recorder.unaudited, recorder.trouble) == (1, 2, "ValueError: a defect")
    log.error = None
    recorder.offer(typed(4))
    await recorder.flush()
    assert (recorder.recorded, recorder.trouble) == (2, None)


async def test_closing_records_what_waits(log: Log, clock: FakeClock) -> None:
    recorder = AuditRecorder(log.append, clock)
    recorder.start()
    for number in range(3000):
        recorder.offer(typed(number))
    await recorder.close()
    assert (recorder.recorded, len(log.rows)) == (3000, 3000)


async def test_a_flush_gives_up(log: Log, clock: FakeClock) -> None:
    recorder = AuditRecorder(log.append, clock)
    recorder.offer(typed())
    log.gate.clear()
    await recorder.flush(deadline=0)
    assert (recorder.waiting, recorder.trouble) == (1, "the database took more than 0 s")
    log.gate.set()
    log.error = LogUnavailable("closed")
    await recorder.flush()
    assert recorder.waiting == 1


def allow_pages(tx: Unit, pages: int) -> None:
    """As a disk that is full: SQLite takes no more than what the file has, or that many pages."""
    assert isinstance(tx._connection, Connection)
    tx._connection._speak(f"PRAGMA max_page_count={pages}")


async def recorded(database: Database) -> list[RecordedEvent]:
    return list(reversed((await database.handle(SYSTEM).read(history, HistoryQuery(), 5000)).items))


@on_sqlite  # a file can be told to grow no further
async def test_the_bus_goes_on_when_the_disk_is_full_and_nothing_that_waits_is_lost(tmp_path: Path) -> None:
    async with open_database(tmp_path, models=[]) as database, BusForTests() as world:
        recorder = AuditRecorder(DatabaseEventLog(database.handle).append, world.clock, capacity=3000)
        world.bus.audit_with(AuditPolicy.parse(["bots.> all"]), recorder)
        bots = world.module("bots")
        heard: list[int] = []

        async def hear(envelope: Envelope[Typed]) -> None:
            heard.append(envelope.payload.number)

        bots.listen(Typed, hear, capacity=10_000)
        await database.handle(SYSTEM).write(allow_pages, 1)
        for number in range(4000):
            await bots.publish(Typed(number=number, password="hunter2"))
        await recorder.flush()
        await world.bus.settled()
        assert heard == list(range(4000)), "who listens hears of no disk"
        assert (recorder.recorded, recorder.waiting, recorder.unaudited) == (0, 3000, 1000)
        assert "full" in str(recorder.trouble)
        assert world.bus.health().status == "degraded"
        await database.handle(SYSTEM).write(allow_pages, 1_000_000)
        await recorder.flush()
        kept = await recorded(database)
    assert [each.payload["number"] for each in kept] == list(range(3000))
    assert {each.payload["password"] for each in kept} == {MASK}
    assert recorder.trouble is None


async def test_a_closed_database_is_told_and_nothing_breaks(tmp_path: Path) -> None:
    async with open_database(tmp_path, models=[]) as database:
        recorder = AuditRecorder(DatabaseEventLog(database.handle).append, FakeClock())
    recorder.offer(typed())
    await recorder.close()
    assert recorder.waiting == 1
    assert recorder.trouble == "live events cannot be recorded now: the database is closed"


async def test_a_payload_that_changed_into_nonsense_after_it_was_said_ends_no_recording() -> None:
    log = Log()
    recorder = AuditRecorder(log.append, FakeClock())
    recorder.start()
    endless: dict[str, Any] = {}
    recorder.offer(typed(1, extra=endless))
    endless["again"] = endless
    recorder.offer(typed(2))
    await recorder.close()
    assert (recorder.recorded, recorder.unaudited) == (1, 1)
