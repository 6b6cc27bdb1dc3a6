"""What was said, read and written for others through the kernel's own handle."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import LogUnavailable, PayloadInvalid, TopicInvalid
from vivesphere.kernel.bus.log import DatabaseEventLog, EventHistory
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.db.event_log import HistoryQuery
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.principals import SYSTEM

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
