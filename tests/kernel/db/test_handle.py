"""Units of work through a handle: causes, events, shadow, and what a unit may not do."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.kernel.db.world import (
    NOTES,
    Glanced,
    Noted,
    Signed,
    Whispered,
    World,
    bodies,
    letters,
    notes,
    put,
    put_and_emit,
    run_sql,
)
from tests.support.clock import FakeClock
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import HopLimitExceeded, NotPermitted, PayloadInvalid
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.cause import HOP_LIMIT, Cause, Mode, acting_under
from vivesphere.kernel.db import effect_records, event_log
from vivesphere.kernel.db.errors import ReadOnly, StatementFailed, UnitClosed
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import SYSTEM, Principal

pytestmark = pytest.mark.usefixtures("engine")

ADA = principals.user("ada")


async def test_a_rule_gets_its_arguments_and_its_result_comes_back(world: World) -> None:
    def rule(tx: Unit, left: int, *, right: int) -> int:
        return left + right

    assert await world.notes.read(rule, 1, right=2) == 3
    assert await world.notes.write(rule, 1, right=2) == 3


async def test_the_cause_is_the_callers_though_the_rule_runs_elsewhere(world: World) -> None:
    seen: list[tuple[Cause, int]] = []

    def look(tx: Unit) -> None:
        seen.append((tx.cause, threading.get_ident()))

    with acting_under(Cause(source=ADA, actor=ADA, project="garden", hop=3)) as cause:
        await world.notes.read(look)
        await world.notes.write(look)
    await world.notes.write(look)
    assert [each for each, _ in seen[:2]] == [cause.seen_by(NOTES)] * 2
    assert seen[2][0].actor == NOTES
    assert threading.get_ident() not in {thread for _, thread in seen}


async def test_an_event_leaves_after_the_commit_with_the_cause_of_its_unit(world: World) -> None:
    with acting_under(Cause(source=ADA, actor=ADA, hop=2)) as cause:
        await world.notes.write(put_and_emit, "one")
    (envelope,) = world.dispatched
    assert envelope.payload == Noted(body="one")
    assert (envelope.topic, envelope.seq, envelope.time) == ("notes.note.made", 1, FakeClock().now())
    assert envelope.cause == cause.seen_by(NOTES)
    assert envelope.id in [each.id for each in await world.logged()]


async def test_only_durable_events_are_written_down(world: World) -> None:
    await world.notes.write(lambda tx: tx.emit(Glanced(body="x")))
    assert [envelope.seq for envelope in world.dispatched] == [None]
    assert await world.logged() == ()


async def test_secret_fields_travel_but_are_not_written_down(world: World) -> None:
    await world.notes.write(lambda tx: tx.emit(Signed(body="x", signature="ada's")))
    assert world.dispatched[0].payload.signature == "ada's"
    (recorded,) = await world.logged()
    assert recorded.payload == {"body": "x", "signature": "***"}


@pytest.mark.parametrize("what", [Whispered(), "a text", Noted, None])
async def test_what_is_no_event_is_refused(world: World, what: Event) -> None:
    with pytest.raises(PayloadInvalid):
        await world.notes.write(lambda tx: tx.emit(what))
    assert world.dispatched == []


async def test_the_bus_is_asked_who_may_emit(world: World) -> None:
    asked: list[tuple[Principal, Event]] = []

    def check(principal: Principal, event: Event) -> None:
        asked.append((principal, event))
        raise NotPermitted("not yours")

    world.database.hooks.check = check
    with pytest.raises(NotPermitted):
        await world.letters.write(lambda tx: tx.emit(Noted(body="x")))
    assert asked == [(principals.module("letters"), Noted(body="x"))]


async def test_a_chain_at_the_hop_limit_goes_no_further(world: World) -> None:
    with acting_under(Cause(source=ADA, actor=ADA, hop=HOP_LIMIT - 1)):
        await world.notes.write(put_and_emit, "the last")
    with acting_under(Cause(source=ADA, actor=ADA, hop=HOP_LIMIT)), pytest.raises(HopLimitExceeded):
        await world.notes.write(put_and_emit, "too far")
    assert world.looped == [(NOTES, "notes.note.made")]
    assert await world.bodies(notes) == ["the last"]


async def test_a_unit_in_shadow_sees_its_writes_and_leaves_none(world: World) -> None:
    def pretend(tx: Unit) -> list[str]:
        put_and_emit(tx, "pretended")
        return bodies(tx, notes)

    with acting_under(Cause(source=ADA, actor=ADA, mode=Mode.SHADOW)):
        assert await world.notes.write(pretend) == ["pretended"]
    assert await world.bodies(notes) == []
    assert world.dispatched == []
    assert await world.system.read(run_sql, "SELECT count(*) FROM event_log") == [(0,)]


async def test_the_kernels_record_of_what_was_pretended_stays(world: World) -> None:
    record = effect_records.EffectRecord(
        id="1",
        kind="mail",
        target="ada",
        source=NOTES,
        actor=ADA,
        project="default",
        correlation_id="c",
        created_at=FakeClock().now(),
        status="shadow",
    )
    with acting_under(Cause(source=ADA, actor=ADA, mode=Mode.SHADOW)):
        await world.system.write(effect_records.intend, record)
    assert await world.system.read(run_sql, "SELECT status FROM effects") == [("shadow",)]


async def test_a_read_writes_and_emits_nothing(world: World) -> None:
    with pytest.raises(ReadOnly, match="writes nothing"):
        await world.notes.read(put, notes, "x")
    with pytest.raises(ReadOnly, match="emits nothing"):
        await world.notes.read(lambda tx: tx.emit(Noted(body="x")))
    assert await world.notes.read(bodies, notes) == []


async def test_a_read_is_one_snapshot(world: World) -> None:
    entered, go = threading.Event(), threading.Event()
    await world.notes.write(put, notes, "one")

    def twice(tx: Unit) -> tuple[list[str], list[str]]:
        first = bodies(tx, notes)
        entered.set()
        go.wait()
        return first, bodies(tx, notes)

    reading = asyncio.create_task(world.notes.read(twice))
    await asyncio.to_thread(entered.wait)
    await world.notes.write(put, notes, "two")
    go.set()
    assert await reading == (["one"], ["one"])
    assert await world.notes.read(bodies, notes) == ["one", "two"]


@pytest.mark.parametrize("way", ["read", "write"])
async def test_a_unit_is_over_when_its_rule_has_returned(world: World, way: str) -> None:
    kept: list[Unit] = []
    act = getattr(world.notes, way)
    await act(kept.append)
    for use in (lambda: bodies(kept[0], notes), lambda: kept[0].emit(Noted(body="x"))):
        with pytest.raises(UnitClosed):
            use()


async def test_a_result_left_half_read_holds_no_snapshot(world: World) -> None:
    for body in "abc":
        await world.notes.write(put, notes, body)
    kept: list[sa.CursorResult[tuple[str]]] = []

    def half(tx: Unit) -> str:
        kept.append(tx.execute(sa.select(notes.c.body)))
        return str(kept[0].scalars().fetchmany(1)[0])

    assert await world.notes.read(half) == "a"
    assert kept[0].closed
    await world.notes.write(put, notes, "d")
    assert await world.notes.read(bodies, notes) == ["a", "b", "c", "d"]


async def test_wrong_sql_is_told_without_its_parameters(world: World) -> None:
    def wrong(tx: Unit) -> None:
        tx.execute(sa.text("SELECT colour FROM notes WHERE body = :secret"), {"secret": "hunter2"})

    with pytest.raises(StatementFailed, match=r"no such column|does not exist") as caught:
        await world.notes.read(wrong)
    assert "hunter2" not in str(caught.value) + str(caught.value.__cause__)


async def test_an_error_met_while_fetching_is_ours_too(world: World) -> None:
    def overflow(tx: Unit) -> object:
        sql = "SELECT 1 UNION ALL SELECT abs(-9223372036854775808)"
        return tx.execute(sa.text(sql)).all()

    for act in (world.notes.read, world.notes.write):
        with pytest.raises(StatementFailed, match=r"integer overflow|out of range"):
            await act(overflow)


async def test_the_time_in_a_unit_is_the_servers(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path, models=[], clock=clock) as database:
        before = await database.handle(SYSTEM).read(Unit.now)
        await clock.advance(60)
        assert await database.handle(SYSTEM).read(Unit.now) == before + timedelta(seconds=60)


async def test_without_a_bus_events_are_written_down_all_the_same(tmp_path: Path) -> None:
    async with open_database(tmp_path, models=[]) as database:
        await database.handle(SYSTEM).write(lambda tx: tx.emit(Noted(body="x")))
        with acting_under(Cause(source=ADA, actor=ADA, hop=HOP_LIMIT)), pytest.raises(HopLimitExceeded):
            await database.handle(SYSTEM).write(lambda tx: tx.emit(Noted(body="x")))
        with pytest.raises(StatementFailed):
            await database.handle(NOTES).read(bodies, letters)
        page = await database.handle(SYSTEM).read(event_log.history, event_log.HistoryQuery())
        assert [each.payload for each in page.items] == [{"body": "x"}]


async def test_a_refusal_without_anybody_to_report_to_is_counted(tmp_path: Path) -> None:
    async with open_database(tmp_path, models=[]) as database:
        with pytest.raises(Exception, match="may not read event_log"):
            await database.handle(NOTES).read(run_sql, "SELECT * FROM event_log")
        assert database.statistics().refused == 1
        assert database.health().status == "ok"


async def test_a_file_of_something_else_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="is not a database of ViveSphere"):
        await Database.open(SqlitePlace(tmp_path / "empty.db"), clock=FakeClock())
