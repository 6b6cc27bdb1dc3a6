"""Group commit: many units, one commit, and no unit that can hurt its neighbours."""

import asyncio
import itertools
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from tests.kernel.db.world import (
    NOTES,
    Glanced,
    HeldWriter,
    Noted,
    World,
    a_world,
    bodies,
    items,
    letters,
    notes,
    parts,
    put,
    put_and_emit,
    rolls,
    run_sql,
    together,
)

from vivesphere.kernel.db.errors import (
    AccessDenied,
    ConstraintViolated,
    DatabaseError,
    DatabaseUnavailable,
    DiskFull,
    StatementFailed,
    TransactionLost,
)
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.places import Places
from vivesphere.kernel.db.sqlite import turns, writer
from vivesphere.kernel.db.sqlite.connection import Connection


class Refused(Exception):
    """What a rule raises for reasons of its own."""


def put_and_raise(tx: Unit, body: str) -> None:
    put_and_emit(tx, body)
    raise Refused(body)


def put_and_end_all(tx: Unit, body: str) -> None:
    """A statement that takes the whole transaction with it."""
    put_and_emit(tx, body)
    tx.execute(sa.text("INSERT OR ROLLBACK INTO notes (body) VALUES (:body)"), {"body": body})


def put_and_end_all_unseen(tx: Unit, body: str) -> None:
    try:
        put_and_end_all(tx, body)
    except sa.exc.IntegrityError:
        with pytest.raises(TransactionLost):
            put(tx, notes, "written outside of any transaction")


def put_and_be_interrupted(tx: Unit, body: str) -> None:
    connection = tx._connection
    assert isinstance(connection, Connection)
    connection.raw.set_progress_handler(lambda: 1, 1)
    try:
        put(tx, notes, body)
    finally:
        connection.raw.set_progress_handler(None, 0)


def break_a_reference(tx: Unit) -> None:
    """Noticed only at the commit, as the key is deferred."""
    tx.execute(sa.insert(parts), {"note": 404})


async def test_many_callers_share_commits_and_every_one_gets_its_own_answer(world: World) -> None:
    answers = await asyncio.gather(*(world.notes.write(put, notes, f"note {number}") for number in range(100)))
    assert answers == [f"note {number}" for number in range(100)]
    assert sorted(await world.bodies(notes)) == sorted(answers)
    figures = world.database.statistics()
    assert figures.units == 100
    assert figures.groups < 100


async def test_a_group_is_one_commit_ordered_by_principal(world: World) -> None:
    before = world.database.statistics().groups
    order: list[str] = []

    def noted(tx: Unit, name: str) -> None:
        order.append(name)
        put(tx, letters if name.startswith("letter") else notes, name)

    await together(
        world.system,
        partial(world.notes.write, noted, "note 1"),
        partial(world.letters.write, noted, "letter 1"),
        partial(world.notes.write, noted, "note 2"),
        partial(world.letters.write, noted, "letter 2"),
    )
    assert order == ["letter 1", "letter 2", "note 1", "note 2"]
    assert world.database.statistics().groups == before + 2, "the one that held the writer, and the group"


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (partial(put_and_raise, body="lost"), Refused),
        (partial(put_and_end_all, body="lost"), ConstraintViolated),
        (partial(put_and_end_all_unseen, body="lost"), TransactionLost),
        (partial(put_and_be_interrupted, body="lost"), StatementFailed),
        (break_a_reference, ConstraintViolated),
    ],
)
async def test_a_failing_unit_is_undone_alone(world: World, rule: Callable[[Unit], None], error: type[Exception]) -> None:
    answers = await together(
        world.system,
        partial(world.notes.write, put_and_emit, "before"),
        partial(world.notes.write, rule),
        partial(world.notes.write, put_and_emit, "after"),
        partial(world.letters.write, put, letters, "a neighbour's"),
    )
    assert [type(answer) for answer in answers] == [type(None), error, type(None), str]
    assert await world.bodies(notes) == ["before", "after"]
    assert await world.bodies(letters) == ["a neighbour's"]
    assert [envelope.payload for envelope in world.dispatched] == [Noted(body="before"), Noted(body="after")]
    assert [envelope.seq for envelope in world.dispatched] == [1, 2]
    assert await world.system.read(run_sql, "SELECT count(*) FROM event_log") == [(2,)]


def put_what_fits_no_disk(tx: Unit, body: str) -> None:
    put_and_emit(tx, body + "x" * 1_000_000)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (put_and_raise, Refused),
        (put_and_be_interrupted, StatementFailed),
        (put_and_end_all, ConstraintViolated),
        (lambda tx, body: (put(tx, notes, body), run_sql(tx, "ROLLBACK")), AccessDenied),
        (put_what_fits_no_disk, DiskFull),
    ],
)
async def test_ninety_nine_neighbours_are_unharmed(
    world: World, rule: Callable[[Unit, str], None], error: type[Exception]
) -> None:
    _leave_pages(world, 100)
    asked = [partial(world.notes.write, put_and_emit, str(number)) for number in range(99)]
    asked.insert(50, partial(world.notes.write, rule, "lost"))
    answers = await together(world.system, *asked)
    assert type(answers.pop(50)) is error
    assert answers == [None] * 99
    expected = [str(number) for number in range(99)]
    assert await world.bodies(notes) == expected
    assert [envelope.payload.body for envelope in world.dispatched] == expected
    assert await world.system.read(run_sql, "SELECT count(*) FROM event_log") == [(99,)]


async def test_a_commit_too_large_for_the_disk_is_tried_again_unit_by_unit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = world.writer._group_connection
    original = connection.commit

    def commit() -> None:
        if connection.raw.execute("SELECT count(*) FROM notes WHERE body = 'large'").fetchone() != (0,):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        original()

    async with HeldWriter(world.notes):
        tasks = [asyncio.create_task(world.notes.write(put_and_emit, body)) for body in ("one", "large", "two")]
        await asyncio.sleep(0)
        monkeypatch.setattr(connection, "commit", commit)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), DiskFull, type(None)]
    assert await world.bodies(notes) == ["one", "two"]
    assert [(envelope.payload.body, envelope.seq) for envelope in world.dispatched] == [("one", 1), ("two", 2)]


async def test_a_unique_violation_that_no_repository_translates_is_ours(world: World) -> None:
    await world.notes.write(put, notes, "once")
    with pytest.raises(ConstraintViolated, match=r"notes\.body") as caught:
        await world.notes.write(put, notes, "once")
    assert isinstance(caught.value.__cause__, sa.exc.IntegrityError)


async def test_a_repository_can_translate_a_unique_violation_and_go_on(world: World) -> None:
    def put_or_find(tx: Unit, body: str) -> str:
        try:
            return put(tx, notes, body)
        except sa.exc.IntegrityError:
            return f"{body}, known"

    await world.notes.write(put, notes, "once")
    assert await world.notes.write(put_or_find, "once") == "once, known"


async def test_a_rule_that_raises_stop_iteration_answers_its_caller(world: World) -> None:
    def ends(_: Unit) -> None:
        next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await world.notes.write(ends)


async def test_a_caller_cancelled_before_its_turn_has_its_unit_dropped(world: World) -> None:
    async with HeldWriter(world.system):
        waiting = asyncio.create_task(world.notes.write(put_and_emit, "dropped"))
        beside = asyncio.create_task(world.notes.write(put_and_emit, "kept"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    await beside
    assert waiting.cancelled()
    assert await world.bodies(notes) == ["kept"]
    assert [envelope.payload for envelope in world.dispatched] == [Noted(body="kept")]


async def test_a_caller_cancelled_in_its_turn_has_its_unit_committed(world: World) -> None:
    entered, go = threading.Event(), threading.Event()

    def slow(tx: Unit) -> None:
        entered.set()
        go.wait()
        put_and_emit(tx, "kept")

    task = asyncio.create_task(world.notes.write(slow))
    await asyncio.to_thread(entered.wait)
    task.cancel()
    await asyncio.wait([task])
    go.set()
    assert await world.notes.write(put, notes, "next") == "next"
    assert await world.bodies(notes) == ["kept", "next"]
    assert [envelope.payload for envelope in world.dispatched] == [Noted(body="kept")]


async def test_a_caller_cancelled_before_its_unit_runs_again_leaves_neither_rows_nor_events(world: World) -> None:
    loop = asyncio.get_running_loop()
    cancelled = threading.Event()

    async def cancel() -> None:
        first.cancel()
        await asyncio.sleep(0)
        cancelled.set()

    def end_the_transaction(tx: Unit) -> None:
        asyncio.run_coroutine_threadsafe(cancel(), loop)
        assert cancelled.wait(10)
        run_sql(tx, "INSERT OR ROLLBACK INTO notes (body) VALUES ('kept')")

    await world.notes.write(put, notes, "kept")
    async with HeldWriter(world.letters):
        first = asyncio.ensure_future(world.notes.write(put_and_emit, "given up"))
        second = asyncio.ensure_future(world.notes.write(end_the_transaction))
        await asyncio.sleep(0)
    assert [type(each) for each in await asyncio.gather(first, second, return_exceptions=True)] == [
        asyncio.CancelledError,
        ConstraintViolated,
    ]
    assert await world.bodies(notes) == ["kept"]
    assert world.dispatched == []


async def test_events_are_under_way_before_their_reporter_goes_on(world: World) -> None:
    order: list[str] = []
    world.database.hooks.dispatch = lambda envelopes: order.extend(each.payload.body for each in envelopes)

    async def report(body: str) -> None:
        await world.notes.write(put_and_emit, body, f"{body} again")
        order.append(f"{body} returned")

    await report("one")
    await report("two")
    assert order == ["one", "one again", "one returned", "two", "two again", "two returned"]


async def test_callers_are_answered_though_dispatch_breaks(world: World) -> None:
    broken: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(str(context["exception"])))

    def refuse(_: object) -> None:
        raise Refused("a defect of the bus")

    world.database.hooks.dispatch = refuse
    await world.notes.write(put_and_emit, "kept")
    assert broken == ["a defect of the bus"]
    assert await world.bodies(notes) == ["kept"]


async def test_a_flood_of_one_leaves_the_others_their_share(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "GROUP", 4)
    order: list[str] = []
    flood = [partial(world.notes.write, lambda _: order.append("n")) for _ in range(10)]
    await together(world.system, *flood, partial(world.letters.write, lambda _: order.append("L")))
    assert "L" in order[:4]
    assert order.count("n") == 10


async def test_plugins_take_turns_each_alone_and_never_in_a_group(world: World) -> None:
    seen: list[tuple[str, int]] = []

    def note(tx: Unit, name: str) -> None:
        seen.append((name, id(tx._connection)))

    await together(
        world.system,
        *(partial(world.quotes.write, note, "quotes") for _ in range(2)),
        partial(world.dice.write, note, "dice"),
        *(partial(world.notes.write, note, "notes") for _ in range(2)),
    )
    assert [name for name, _ in seen] == ["quotes", "notes", "notes", "dice", "quotes"]
    assert len({connection for _, connection in seen}) == 2
    await asyncio.gather(world.quotes.write(put, items, "mine"), world.dice.write(put, rolls, "mine"))
    assert await world.bodies(items) == await world.bodies(rolls) == ["mine"]


async def test_who_waits_for_a_place_gets_one_when_there_is_room(world: World) -> None:
    world.writer.places = Places(each=2)
    await world.system.read(bodies, notes)
    async with HeldWriter(world.notes):
        tasks = [asyncio.create_task(world.notes.write(put, notes, str(number))) for number in range(5)]
        await asyncio.sleep(0)
        assert world.writer._arrivals.qsize() == 1
        figures = world.database.statistics()
        assert (figures.queued, figures.waiting) == (2, 4)
        health = world.database.health()
        assert (health.status, health.detail) == ("ok", "4 callers wait for a place among the units to be written")
    assert await asyncio.gather(*tasks) == ["0", "1", "2", "3", "4"]


async def test_close_commits_what_waits_and_refuses_the_rest(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        world.writer.places = Places(each=1)
        async with HeldWriter(world.system):
            kept = asyncio.create_task(world.notes.write(put, notes, "kept"))
            too_late = asyncio.create_task(world.notes.write(put, notes, "too late"))
            await asyncio.sleep(0)
            closing = asyncio.create_task(world.database.close())
            await asyncio.to_thread(_until_closing, world)
        await closing
        assert await kept == "kept"
        for act in (too_late, world.notes.write(put, notes, "later"), world.notes.read(bodies, notes)):
            with pytest.raises(DatabaseUnavailable, match="closed"):
                await act
        await world.database.close()
    assert not (tmp_path / "vivesphere.db-wal").exists()
    rows = sqlite3.connect(tmp_path / "vivesphere.db").execute("SELECT body FROM notes").fetchall()
    assert rows == [("kept",)]


def _until_closing(world: World) -> None:
    while not world.writer._closing:
        os.sched_yield()


async def test_a_slow_unit_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLOW_SECONDS", -1.0)
    with structlog.testing.capture_logs() as logged:
        await world.notes.write(put, notes, "slow")
    (line,) = logged
    assert (line["event"], line["principal"], line["log_level"]) == ("slow_unit", NOTES, "warning")
    assert line["rule"].endswith("world.put")


async def test_a_commit_that_fails_is_told_to_everyone_in_the_group(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = world.writer._group_connection

    def broken() -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    async with HeldWriter(world.system):
        tasks = [asyncio.create_task(world.notes.write(put_and_emit, str(number))) for number in range(100)]
        await asyncio.sleep(0)
        original = connection.commit
        calls: list[None] = []

        def commit() -> None:
            calls.append(None)
            # The first commit is the one of the unit that holds the writer.
            (original if len(calls) == 1 else broken)()

        monkeypatch.setattr(connection, "commit", commit)
    for answer in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(answer, DatabaseUnavailable)
    assert len(calls) == 2, "nobody knows what a disk has that fails to say so, and nothing is tried again"
    assert world.database.health().status == "degraded"
    monkeypatch.undo()
    assert await world.bodies(notes) == []
    assert world.dispatched == []
    await world.notes.write(put, notes, "three")
    assert world.database.health().status == "ok"


async def test_a_full_disk_is_told_and_mends(world: World) -> None:
    _leave_pages(world, 1)
    with pytest.raises(DiskFull, match="the disk takes nothing more"):
        await world.notes.write(put, notes, "x" * 20_000)
    health = world.database.health()
    assert (health.status, "until there is space again" in health.detail) == ("degraded", True)
    assert await world.bodies(notes) == []
    assert await world.notes.write(put, notes, "small") == "small"
    assert world.database.health().status == "ok"


def _leave_pages(world: World, pages: int) -> None:
    """Let the file grow by so many pages at most."""
    connection = world.writer._group_connection
    connection.authorizer.kernel_speaks = True
    present = connection.raw.execute("PRAGMA page_count").fetchone()[0]
    connection.raw.execute(f"PRAGMA max_page_count={present + pages}")
    connection.authorizer.kernel_speaks = False


async def test_another_program_that_holds_the_lock_is_waited_for_and_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _never_wait_for_locks(world)
    other = sqlite3.connect(tmp_path / "vivesphere.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tries = Tries(world.writer._group_connection)
    monkeypatch.setattr(world.writer._group_connection, "begin_immediate", tries)
    waiting = asyncio.create_task(world.notes.write(put, notes, "waited"))
    await asyncio.to_thread(tries.met.wait)
    health = world.database.health()
    assert (health.status, "locked" in health.detail) == ("degraded", True)
    assert await world.bodies(notes) == []
    other.execute("COMMIT")
    other.close()
    assert await waiting == "waited"
    assert world.database.health().status == "ok"


async def test_a_lock_that_is_held_too_long_is_told_to_the_callers(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _never_wait_for_locks(world)
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.0)
    other = sqlite3.connect(tmp_path / "vivesphere.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        await world.notes.write(put, notes, "refused")
    other.execute("ROLLBACK")
    other.close()
    assert await world.notes.write(put, notes, "accepted") == "accepted"


async def test_two_hundred_writers_beside_another_program_never_hear_of_its_lock(world: World, tmp_path: Path) -> None:
    wanted = {f"{number} {turn}" for number in range(200) for turn in range(5)}
    all_written = threading.Event()
    locked = asyncio.create_task(asyncio.to_thread(_lock_again_and_again, tmp_path / "vivesphere.db", all_written))

    async def writer(number: int) -> None:
        for turn in range(5):
            if number % 2:
                await world.notes.write(put_and_emit, f"{number} {turn}")
            else:
                await world.letters.write(put, letters, f"{number} {turn}")

    await asyncio.gather(*(writer(number) for number in range(200)))
    all_written.set()
    assert await locked > 0
    assert {*await world.bodies(notes), *await world.bodies(letters)} == wanted
    assert world.database.health().status == "ok"


def _lock_again_and_again(file: Path, enough: threading.Event) -> int:
    """What a person's sqlite3 shell does, as fast as it can; how often."""
    with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as shell:
        for times in itertools.count(1):
            shell.execute("BEGIN IMMEDIATE")
            shell.execute("COMMIT")
            if enough.is_set():
                return times
    raise AssertionError("a count has no end")


class Tries:
    """Tells when the lock was asked for again, and so a first time in vain."""

    def __init__(self, connection: Connection) -> None:
        self.met = threading.Event()
        self._begin = connection.begin_immediate
        self._count = 0

    def __call__(self) -> None:
        self._count += 1
        if self._count > 1:
            self.met.set()
        self._begin()


def _never_wait_for_locks(world: World) -> None:
    raw = world.writer._group_connection.raw
    raw.set_authorizer(None)
    raw.execute("PRAGMA busy_timeout=0")


async def test_slow_units_of_one_are_cut_off_and_the_others_come_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GROUP_SECONDS", 0.0)
    order: list[str] = []
    before = world.database.statistics().groups
    letters_first = [partial(world.letters.write, lambda _: order.append("L")) for _ in range(3)]
    await together(world.system, *letters_first, partial(world.notes.write, lambda _: order.append("n")))
    assert order == ["L", "n", "L", "L"]
    assert world.database.statistics().groups == before + 5, "each in a commit of its own, behind the one that held the writer"


async def test_a_unit_that_does_not_end_is_named_in_the_health(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "HELD_UP_SECONDS", 0.0)
    async with HeldWriter(world.notes):
        health = world.database.health()
    assert health.status == "degraded"
    assert health.detail.startswith("tests.kernel.db.world.HeldWriter._hold of module:notes has held the writer for ")
    assert world.database.health().status == "ok"


async def test_nobody_is_told_before_the_commit_is_on_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = world.writer._group_connection
    reached, go = threading.Event(), threading.Event()
    original = connection.commit

    def commit() -> None:
        reached.set()
        go.wait()
        original()

    monkeypatch.setattr(connection, "commit", commit)
    tasks = [asyncio.create_task(world.notes.write(put_and_emit, str(number))) for number in range(10)]
    await asyncio.to_thread(reached.wait)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    assert (world.dispatched, await world.bodies(notes)) == ([], [])
    go.set()
    await asyncio.gather(*tasks)
    assert len(world.dispatched) == 10


async def test_every_connection_that_writes_waits_for_the_disk(world: World) -> None:
    await world.quotes.write(put, items, "makes the guests' connection")
    guests = world.writer._guest_connection
    assert guests is not None
    for connection in (world.writer._group_connection, guests):
        connection.raw.set_authorizer(None)
        # 2 is FULL: the write-ahead log is synced before a commit returns (https://www.sqlite.org/pragma.html).
        assert connection.raw.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_defect_in_the_writer_reaches_the_caller_and_the_writer_lives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: Any) -> None:
        raise Refused("a defect")

    monkeypatch.setattr(world.writer, "_record", defective)
    with structlog.testing.capture_logs() as logged, pytest.raises(DatabaseUnavailable, match="a defect"):
        await world.notes.write(put, notes, "lost")
    assert [line["event"] for line in logged] == ["database_writer_failed"]
    monkeypatch.undo()
    await world.notes.write(put, notes, "kept")
    assert await world.bodies(notes) == ["kept"]


async def test_a_group_may_hold_units_without_events_and_events_without_a_record(world: World) -> None:
    await together(
        world.system,
        partial(world.notes.write, lambda tx: tx.emit(Glanced(body="a"))),
        partial(world.notes.write, lambda tx: tx.emit(Noted(body="b"))),
        partial(world.letters.write, put, letters, "silent"),
    )
    assert [(each.payload.body, each.seq) for each in world.dispatched] == [("a", None), ("b", 1)]


async def test_the_log_belongs_to_the_kernel_though_units_of_others_fill_it(world: World) -> None:
    await world.notes.write(put_and_emit, "mine")
    for who in (world.notes, world.quotes):
        with pytest.raises(DatabaseError):
            await who.read(run_sql, "SELECT payload FROM event_log")
