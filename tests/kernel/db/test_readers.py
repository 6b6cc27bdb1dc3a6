"""The pool of reading connections: at most so many, each for one principal, the longest idle closed first."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.kernel.db.world import LETTERS, NOTES, QUOTES, World, bodies, notes, put

from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.sqlite import readers
from vivesphere.kernel.db.sqlite.connection import Connection, make_engine
from vivesphere.kernel.db.sqlite.readers import ReadPool
from vivesphere.kernel.db.unit import Unit


@pytest.fixture
def pool(world: World, tmp_path: Path) -> Iterator[ReadPool]:
    engine = make_engine(tmp_path / "vivesphere.db")
    pool = ReadPool(lambda: Connection(engine, query_only=True), world.database.access)
    yield pool
    pool.close()


def test_a_connection_goes_back_to_its_principal(pool: ReadPool) -> None:
    first, second = pool.lend(NOTES), pool.lend(NOTES)
    assert first is not second
    pool.take_back(NOTES, first)
    third = pool.lend(LETTERS)
    assert third is not first
    assert pool.lend(NOTES) is first
    assert pool.size == 3
    for principal, connection in ((NOTES, first), (NOTES, second), (LETTERS, third)):
        pool.take_back(principal, connection)


def test_at_the_cap_the_longest_idle_makes_room(pool: ReadPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "CONNECTIONS", 2)
    old, young = pool.lend(NOTES), pool.lend(LETTERS)
    pool.take_back(NOTES, old)
    pool.take_back(LETTERS, young)
    new = pool.lend(QUOTES)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        old.raw.execute("SELECT 1")
    assert pool.lend(LETTERS) is young
    assert pool.size == 2
    pool.take_back(QUOTES, new)
    pool.take_back(LETTERS, young)


def test_a_connection_that_cannot_be_made_takes_no_place(world: World) -> None:
    def refuse() -> Connection:
        raise sqlite3.OperationalError("unable to open database file")

    pool = ReadPool(refuse, world.database.access)
    with pytest.raises(sqlite3.OperationalError):
        pool.lend(NOTES)
    assert pool.size == 0


async def test_a_file_that_cannot_be_opened_is_told_to_the_reader(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Connection:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(world.readers.pool, "_connect", refuse)
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        await world.notes.read(bodies, notes)
    monkeypatch.undo()
    assert await world.notes.read(bodies, notes) == []


async def test_a_connection_that_breaks_is_told_to_the_reader(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    monkeypatch.setattr(Connection, "begin", broken)
    with pytest.raises(DatabaseUnavailable, match="disk I/O error"):
        await world.notes.read(bodies, notes)


async def test_many_reads_at_once_share_few_connections(world: World) -> None:
    await world.notes.write(put, notes, "one")
    answers = await asyncio.gather(*(world.notes.read(bodies, notes) for _ in range(200)))
    assert answers == [["one"]] * 200
    assert world.database.statistics().read_connections <= readers.THREADS


def _held(_: Unit, by: threading.Event) -> bool:
    return by.wait(30)


async def test_reads_that_hang_hold_up_no_others_while_a_thread_is_left(world: World) -> None:
    await world.notes.write(put, notes, "one")
    until = threading.Event()
    hanging = [asyncio.create_task(world.notes.read(_held, until)) for _ in range(readers.THREADS - 1)]
    await asyncio.sleep(0)
    for _ in range(3):
        assert await world.notes.read(bodies, notes) == ["one"]
    until.set()
    assert all(await asyncio.gather(*hanging))


async def test_closing_answers_what_waits_behind_reads_that_hang(world: World) -> None:
    until = threading.Event()
    hanging = [asyncio.create_task(world.notes.read(_held, until)) for _ in range(readers.THREADS - 1)]
    await asyncio.sleep(0)
    assert await world.notes.read(bodies, notes) == []
    waiting = [asyncio.create_task(world.notes.read(bodies, notes)) for _ in range(5)]
    closing = asyncio.create_task(world.database.close())
    asyncio.get_running_loop().call_later(3 * readers.PATIENCE, until.set)
    await closing
    assert all(await asyncio.gather(*hanging))
    assert await asyncio.gather(*waiting) == [[]] * 5


async def test_a_cancelled_reader_is_not_answered_and_its_neighbours_are(world: World) -> None:
    reads = [asyncio.create_task(world.notes.read(bodies, notes)) for _ in range(20)]
    await asyncio.sleep(0)
    for read in reads[::2]:
        read.cancel()
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert list(answers[1::2]) == [[]] * 10
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])


async def test_reads_and_writes_of_many_principals_at_once(world: World) -> None:
    async def turn(number: int) -> list[str]:
        await world.notes.write(put, notes, str(number))
        return await world.notes.read(bodies, notes)

    seen = await asyncio.gather(*(turn(number) for number in range(50)), *map(partial(world.bodies), [notes] * 50))
    assert all(str(number) in found for number, found in enumerate(seen[:50])), "everyone reads what it wrote"
