"""The event log keeps within its limits, by age and by bytes, and takes nothing from who has yet to hear it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from tests.support.clock import FakeClock
from tests.support.database import open_database
from tests.support.engines import on_sqlite

from vivesphere.kernel import principals
from vivesphere.kernel.bus import retention as bus_retention
from vivesphere.kernel.bus.audit import BATCH, AuditRecorder
from vivesphere.kernel.bus.log import DatabaseEventLog, EventHistory
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.bus.retention import ARRIVAL, EVERY, PAGE, EventLogSettings, EventRetention
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db import log_extent, retention
from vivesphere.kernel.db.deliveries import open_cursor
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.db.event_log import log
from vivesphere.kernel.db.event_rows import row_bytes, row_of
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.retention import cursors, deliveries, replies
from vivesphere.kernel.db.sqlite import engine as sqlite
from vivesphere.kernel.db.sqlite.connection import restart_wal
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import SYSTEM

pytestmark = pytest.mark.usefixtures("engine")

DAY = 86_400.0
DOOR = principals.module("door")
MIB = 1024 * 1024


class Rang(Event, durable=True):
    topic = "door.tower.rang"
    body: str = ""


class Glanced(Event):
    topic = "door.tower.glanced"
    body: str = ""


class Listener:
    """What retention knows of a durable listener that runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class World:
    def __init__(self, database: Database, file: Path, clock: FakeClock) -> None:
        self.database = database
        self.file = file
        self.clock = clock
        self.system = database.handle(SYSTEM)
        self.running: list[Listener] = []
        self.log = DatabaseEventLog(database.handle)
        self.retention = self.keeping()

    def keeping(self, **settings: int) -> EventRetention:
        return EventRetention(
            self.system,
            EventLogSettings(**settings),
            log=self.log,
            redelivery=Redelivery(self.system, tuple),
            bound_journal=self.database.bound_journal,
            running=lambda: self.running,  # type: ignore[arg-type, return-value]  # as much of one as retention asks for
            clock=self.clock,
        )

    def event(self, payload: Event | None = None) -> Envelope[Any]:
        payload = payload or Glanced()
        cause = Cause(source=DOOR, actor=DOOR)
        at = self.clock.timestamp()
        return Envelope(id=new_id(), topic=payload.topic, timestamp=at, cause=cause, payload=payload)

    async def record(self, *payloads: Event) -> None:
        await self.log.append([row_of(self.event(payload)) for payload in payloads])

    async def seqs(self) -> list[int]:
        return [row[0] for row in await self.sql("SELECT seq FROM event_log ORDER BY seq")]

    async def sql(self, statement: str) -> Sequence[Any]:
        def run(tx: Unit) -> Sequence[Any]:
            result = tx.execute(sa.text(statement))
            return result.all() if result.returns_rows else ()

        return await self.system.write(run)

    def pages(self) -> int:
        """Of the file as it will be once all is in it that is in SQLite's log now."""
        with closing(sqlite3.connect(self.file)) as raw:
            pages: int = raw.execute("PRAGMA page_count").fetchone()[0]
        return pages

    async def listener(self, name: str, seq: int) -> None:
        await self.system.write(put, cursors, {"listener": name, "seq": seq, "seen_at": self.clock.now()})

    async def aside(self, name: str, seq: int, status: str) -> None:
        row = {"listener": name, "seq": seq, "status": status, "id": new_id()}
        await self.system.write(put, deliveries, row | {"failed_at": self.clock.now()})

    async def truly(self) -> log_extent.Counted:
        """Counted row by row, and not from what was remembered."""
        rows = await self.sql("SELECT coalesce(max(seq), 0), count(*), coalesce(sum(bytes), 0) FROM event_log")
        return log_extent.Counted(newest=rows[0][0], events=rows[0][1], bytes=rows[0][2])


def put(tx: Unit, table: sa.Table, row: dict[str, Any]) -> None:
    tx.execute(sa.insert(table), row)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    async with open_database(tmp_path, models=[], clock=clock) as database:
        yield World(database, tmp_path / "vivesphere.db", clock)


async def test_what_is_older_than_the_days_to_keep_goes(world: World) -> None:
    for _ in range(5):
        await world.record(Rang(), Glanced())
        await world.clock.advance(DAY)
    keeping = world.keeping(keep_days=3)
    await keeping.sweep()
    assert await world.seqs() == [5, 6, 7, 8, 9, 10]
    extent = await EventHistory(world.system).extent()
    assert (extent.oldest, extent.newest, extent.events) == (5, 10, 6)
    assert extent.bytes == (await world.truly()).bytes
    await world.clock.advance(30 * DAY)
    await keeping.sweep()
    assert await world.seqs() == []
    assert (await EventHistory(world.system).extent()).newest == 10


async def test_a_log_within_its_limits_is_not_written(world: World) -> None:
    await world.record(Rang())
    before = world.database.statistics().units
    await world.retention.sweep()
    assert world.database.statistics().units == before


async def test_the_oldest_go_first_when_there_are_too_many_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "UNIT", 7)
    each = row_bytes(row_of(world.event(Rang(body="x" * 1000))))
    await world.record(*(Rang(body="x" * 1000) for _ in range(100)))
    keeping = world.keeping(keep_bytes=64 * each)
    await keeping.sweep()
    assert await world.seqs() == list(range(38, 101)), "one more than need be, a sixty-fourth of what may be kept"
    assert keeping.health().status == "ok"


async def test_what_a_listener_owes_stays_and_what_is_live_goes_all_the_same(world: World) -> None:
    await world.record(*(Rang() if number % 2 else Glanced() for number in range(1, 21)))
    await world.listener("module:hall/bell", 10)
    await world.listener("module:roof/bell", 14)
    await world.aside("module:roof/bell", 3, "waiting")
    await world.aside("module:roof/bell", 5, "dead")
    keeping = world.keeping(keep_bytes=1)
    world.running.append(Listener("module:hall/bell"))
    await keeping.sweep()
    assert await world.seqs() == [3, 5, 11, 13, 15, 17, 19]
    assert world.running[0].woken == 1, "it may owe nothing, once it looks"
    health = keeping.health()
    assert health.status == "degraded"
    assert "module:roof/bell has yet to be done with event 3" in health.detail

    await world.sql("DELETE FROM deliveries")
    await keeping.sweep()
    assert await world.seqs() == [11, 13, 15, 17, 19]
    assert "module:hall/bell has yet to be done with event 11" in keeping.health().detail
    await world.record(Glanced(), Rang(), Glanced())
    await keeping.sweep()
    assert await world.seqs() == [11, 13, 15, 17, 19, 22], "live events go although the log cannot shrink"

    await world.sql("UPDATE event_cursors SET seq = 22")
    await keeping.sweep()
    assert await world.seqs() == []
    assert keeping.health().status == "ok"
    assert await world.system.read(log_extent.count) == log_extent.Counted(newest=23)


async def test_an_event_of_a_kind_nobody_knows_any_more_is_kept_for_who_may_owe_it(world: World) -> None:
    class Gone(Event):
        topic = "plugins.gone.said"

    await world.record(Gone())
    await world.listener("plugin:gone/ear", 0)
    await world.sql("UPDATE event_log SET topic = 'plugins.gone.else'")
    await world.keeping(keep_bytes=1).sweep()
    assert await world.seqs() == [1]


async def test_what_stays_is_looked_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "UNIT", 10)
    await world.record(*(Rang() for _ in range(100)))
    await world.listener("module:hall/bell", 0)
    keeping = world.keeping(keep_bytes=1)
    await keeping.sweep()
    before = world.database.statistics().units
    await world.record(Rang())
    await keeping.sweep()
    assert world.database.statistics().units - before < 5
    assert len(await world.seqs()) == 101


async def test_a_listener_that_runs_is_seen_and_one_that_is_gone_owes_nothing(world: World) -> None:
    await world.record(*(Rang() for _ in range(3)))
    await world.listener("module:hall/bell", 0)
    await world.listener("module:roof/bell", 0)
    await world.aside("module:roof/bell", 2, "dead")
    world.running.append(Listener("module:hall/bell"))
    keeping = world.keeping(listener_days=5, keep_days=90, keep_bytes=1)
    await world.clock.advance(4 * DAY)
    await keeping.forget()
    assert len(await world.sql("SELECT * FROM event_cursors")) == 2
    await world.clock.advance(2 * DAY)
    with capture_logs() as logs:
        await keeping.forget()
    assert await world.sql("SELECT listener FROM event_cursors") == [("module:hall/bell",)]
    assert await world.sql("SELECT * FROM deliveries") == []
    assert [(line["event"], line["listener"]) for line in logs] == [("durable_listener_forgotten", "module:roof/bell")]
    await world.clock.advance(6 * DAY)
    world.running.clear()
    await keeping.forget()
    await keeping.sweep()
    assert await world.seqs() == []


async def test_a_listener_that_owed_much_is_forgotten_in_units(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "UNIT", 4)
    await world.listener("module:hall/bell", 0)
    for seq in range(10):
        await world.aside("module:hall/bell", seq, "waiting")
    assert await world.system.write(retention.forget_listener, "module:hall/bell", world.clock.now() + timedelta(seconds=1))
    assert len(await world.sql("SELECT * FROM deliveries")) == 6
    assert len(await world.sql("SELECT * FROM event_cursors")) == 1, "the cursor goes last"
    await world.clock.advance(31 * DAY)
    await world.retention.forget()
    assert await world.sql("SELECT * FROM event_cursors") == await world.sql("SELECT * FROM deliveries") == []


async def test_a_listener_that_comes_back_just_before_it_is_forgotten_is_not(world: World) -> None:
    await world.listener("module:hall/bell", 0)
    await world.clock.advance(31 * DAY)
    since = world.clock.now()
    assert await world.system.read(retention.gone_listeners, since) == ("module:hall/bell",)
    await world.system.write(open_cursor, "module:hall/bell")
    assert not await world.system.write(retention.forget_listener, "module:hall/bell", since)
    assert len(await world.sql("SELECT * FROM event_cursors")) == 1


async def test_dead_letters_go_when_they_are_too_old_and_the_log_says_so(world: World) -> None:
    await world.record(*(Rang() for _ in range(4)))
    await world.listener("module:hall/bell", 3)
    await world.aside("module:hall/bell", 1, "dead")
    await world.aside("module:hall/bell", 4, "dead")
    await world.clock.advance(2 * DAY)
    await world.aside("module:hall/bell", 2, "dead")
    await world.aside("module:hall/bell", 3, "waiting")
    await world.clock.advance(2 * DAY)
    with capture_logs() as logs:
        await world.keeping(keep_days=3).forget()
    left = await world.sql("SELECT seq, status FROM deliveries ORDER BY seq")
    assert left == [(2, "dead"), (3, "waiting"), (4, "done")], "the cursor has not passed the last one"
    (line,) = logs
    assert (line["event"], line["listener"], line["letters"]) == ("dead_letters_too_old", "module:hall/bell", 2)


async def test_replies_are_kept_for_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "UNIT", 2)
    for number in range(5):
        row = {"asker": "user:1", "key": str(number), "fingerprint": "", "reply": {}, "created_at": world.clock.now()}
        await world.system.write(put, replies, row)
    await world.clock.advance(DAY + 1)
    await world.system.write(put, replies, row | {"key": "late", "created_at": world.clock.now()})
    await world.retention.forget()
    assert await world.sql("SELECT key FROM kept_replies") == [("late",)]


@on_sqlite  # the file and its log are measured; PostgreSQL's autovacuum keeps its own time
async def test_the_log_keeps_under_its_ceiling_while_live_events_pour_in(world: World) -> None:
    ceiling = 2 * MIB
    keeping = world.keeping(keep_bytes=ceiling)
    recorder = AuditRecorder(keeping.append, world.clock)
    glanced = Glanced(body="x" * 150)
    unit = BATCH * row_bytes(row_of(world.event(glanced)))
    empty = world.pages()
    most_bytes = most_pages = 0
    for _ in range(14):
        for _ in range(BATCH):
            recorder.offer(world.event(glanced))
        await recorder.flush()
        most_bytes = max(most_bytes, (await world.truly()).bytes)
        most_pages = max(most_pages, world.pages() - empty)
    assert recorder.recorded == 14 * BATCH
    assert 14 * unit > 6 * ceiling
    assert ceiling // 2 < most_bytes <= ceiling
    assert most_pages * PAGE <= ceiling + unit
    assert world.file.with_name("vivesphere.db-wal").stat().st_size < 16 * MIB
    assert await world.system.read(log_extent.count) == await world.truly(), "the running total is the sum"
    assert world.clock.monotonic() == 0, "room was made without waiting for the next look"


@on_sqlite  # PostgreSQL gives no pages back: autovacuum makes room for what comes
async def test_what_is_deleted_leaves_the_file_smaller(world: World) -> None:
    empty = world.pages()
    for _ in range(10):
        await world.record(*(Rang(body="x" * 500) for _ in range(500)))
    full = world.pages()
    await world.keeping(keep_bytes=MIB).sweep()
    assert full - empty > 3 * MIB // PAGE
    assert world.pages() - empty < 1.25 * MIB // PAGE


class PausingClock(FakeClock):
    """Says when somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.paused.set()
        await super().sleep(seconds)

    async def until_paused(self) -> None:
        await self.paused.wait()
        self.paused.clear()


async def test_who_was_away_as_long_as_the_server_is_not_forgotten_at_its_start(tmp_path: Path) -> None:
    clock = PausingClock()
    async with open_database(tmp_path, models=[], clock=clock) as database:
        world = World(database, tmp_path / "vivesphere.db", clock)
        for name in ("module:hall/bell", "module:cellar/gone"):
            await world.listener(name, 0)
        await clock.advance(31 * DAY)
        task = asyncio.create_task(world.keeping().run())
        await clock.until_paused()
        assert len(await world.sql("SELECT * FROM event_cursors")) == 2
        world.running.append(Listener("module:hall/bell"))
        for _ in range(int(ARRIVAL / EVERY)):
            await clock.advance(EVERY)
            await clock.until_paused()
        assert await world.sql("SELECT listener FROM event_cursors") == [("module:hall/bell",)]
        task.cancel()


async def test_it_looks_again_and_again_and_outlives_a_database_that_is_away(tmp_path: Path) -> None:
    clock = PausingClock()
    async with open_database(tmp_path, models=[], clock=clock) as database:
        world = World(database, tmp_path / "vivesphere.db", clock)
        await world.record(Rang())
        task = asyncio.create_task(world.keeping(keep_days=1).run())
        for seconds in (2 * DAY, EVERY):
            await clock.until_paused()
            await clock.advance(seconds)
        await clock.until_paused()
        assert await world.seqs() == []
    with capture_logs() as logs:
        await clock.advance(EVERY)
        await clock.until_paused()
    assert {line["event"] for line in logs} == {"event_retention_waits"}
    task.cancel()


async def test_no_room_to_be_made_is_for_the_append_to_say(world: World) -> None:
    keeping = world.keeping(keep_bytes=1)
    recorder = AuditRecorder(keeping.append, world.clock)
    recorder.offer(world.event())
    await world.database.close()
    await recorder.flush()
    assert recorder.trouble == "live events cannot be recorded now: the database is closed"


@on_sqlite  # SQLite's own write-ahead log
async def test_a_log_that_sqlite_writes_ahead_is_begun_anew_when_it_grew_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WAL_BYTES", 10_000)
    wal = world.file.with_name("vivesphere.db-wal")
    await world.record(*(Rang(body="x" * 1000) for _ in range(50)))
    assert wal.stat().st_size > 10_000
    with closing(sqlite3.connect(world.file)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM event_log").fetchone()
        await world.record(Rang())
        assert not restart_wal(world.file), "somebody reads what is in it"
    await world.database.bound_journal()
    assert wal.stat().st_size == 0
    assert not restart_wal(world.file.parent), "what is no file is told, not raised"
    wal.rename(wal.with_name("away"))
    await world.database.bound_journal()
    wal.with_name("away").rename(wal)


async def test_the_count_is_kept_so_that_the_next_start_counts_less(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_retention, "COUNTED_ANEW", 3)
    await world.record(*(Rang() for _ in range(3)))
    await world.retention.sweep()
    assert await world.system.read(log_extent.kept) == log_extent.Counted()
    await world.record(Rang())
    await world.retention.sweep()
    assert await world.system.read(log_extent.kept) == await world.truly()


async def test_other_limits_hold_from_the_next_look_on(world: World) -> None:
    await world.record(*(Rang() for _ in range(5)))
    await world.retention.sweep()
    world.retention.change(EventLogSettings(keep_bytes=1))
    await world.retention.sweep()
    assert await world.seqs() == []


async def test_only_the_kernel_gives_pages_back(world: World) -> None:
    with pytest.raises(AccessDenied):
        await world.database.handle(DOOR).write(retention.give_back, 1)


@on_sqlite  # PostgreSQL has no pages to give back
async def test_a_unit_gives_back_as_many_pages_as_it_says(world: World) -> None:
    await world.record(*(Rang() for _ in range(200)))
    await world.system.write(lambda tx: tx.execute(sa.delete(log)))
    empty = await world.system.read(retention.empty_pages)
    assert empty > 5
    await world.system.write(retention.give_back, 5)
    assert await world.system.read(retention.empty_pages) == empty - 5
