"""What was said, read and written for others through the kernel's own handle."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.database import open_database
from tests.support.engines import on_sqlite

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import LogUnavailable, PayloadInvalid, TopicInvalid
from vivesphere.kernel.bus.log import DatabaseEventLog, EventHistory
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.db.event_log import HistoryQuery
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.db.sqlite.engine import SqliteEngine
from vivesphere.kernel.principals import SYSTEM

pytestmark = pytest.mark.usefixtures("engine")

DOOR = principals.module("door")


class Rang(Event, durable=True):
    topic = "door.bell.rang"
    number: int


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path, models=[]) as database:
        yield database


async def test_what_was_recorded_is_found_in_every_way(database: Database) -> None:
    log, history = DatabaseEventLog(database.handle), EventHistory(database.handle(SYSTEM))
    for number in range(3):
        await log.record(DOOR, Rang(number=number))
    page = await history.read(HistoryQuery(category="door"), 2)
    assert [event.payload["number"] for event in page.items] == [2, 1]
    assert page.next_before == 2
    assert [event.payload["number"] for event in await history.after(1, HistoryQuery())] == [1, 2]
    newest = page.items[0]
    assert await history.find(newest.id) == newest
    chain = await history.chain(newest.id)
    assert chain is not None
    assert (chain.correlation_id, chain.events) == (newest.correlation_id, (newest,))
    with pytest.raises(TopicInvalid):
        await history.read(HistoryQuery(pattern="a..b"))


async def test_every_log_has_a_name_of_its_own(database: Database, tmp_path: Path) -> None:
    await DatabaseEventLog(database.handle).record(DOOR, Rang(number=1))
    first = await EventHistory(database.handle(SYSTEM)).extent()
    assert await EventHistory(database.handle(SYSTEM)).extent() == first
    assert (first.oldest, first.newest, first.events) == (1, 1, 1)
    (other := tmp_path / "other").mkdir()
    async with open_database(other, models=[]) as another:
        assert (await EventHistory(another.handle(SYSTEM)).extent()).log_id != first.log_id


async def test_a_durable_event_that_cannot_be_recorded_is_no_success(database: Database) -> None:
    log = DatabaseEventLog(database.handle)
    with pytest.raises(PayloadInvalid):
        await log.record(DOOR, "no event")  # type: ignore[arg-type]  # that is the point
    await database.close()
    with pytest.raises(LogUnavailable, match=r"door\.bell\.rang was not published.* the database is closed"):
        await log.record(DOOR, Rang(number=1))


@on_sqlite  # a file can be told to grow no further
async def test_who_publishes_on_a_full_disk_is_told_and_can_go_on_when_there_is_space(database: Database) -> None:
    log = DatabaseEventLog(database.handle)
    told: list[int] = []

    async def publish_until_refused() -> None:
        for number in range(10_000):
            await log.record(DOOR, Rang(number=number))
            told.append(number)

    let_grow(database, pages=2)
    with pytest.raises(LogUnavailable, match=r"door\.bell\.rang was not published.*until there is space again"):
        await publish_until_refused()
    assert database.health().status == "degraded"
    let_grow(database, pages=1000)
    await log.record(DOOR, Rang(number=-1))
    assert database.health().status == "ok"
    recorded = (await EventHistory(database.handle(SYSTEM)).read(HistoryQuery(), limit=10_000)).items
    assert [event.payload["number"] for event in reversed(recorded)] == [*told, -1]


def let_grow(database: Database, pages: int) -> None:
    """By so many pages from now on."""
    engine = database.engine
    assert isinstance(engine, SqliteEngine)
    connection = engine.writer._group_connection
    connection.authorizer.kernel_speaks = True
    present = connection.raw.execute("PRAGMA page_count").fetchone()[0]
    connection.raw.execute(f"PRAGMA max_page_count={present + pages}")
    connection.authorizer.kernel_speaks = False
