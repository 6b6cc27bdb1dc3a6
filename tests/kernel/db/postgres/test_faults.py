"""What goes wrong with a PostgreSQL server: connections that end, units in each other's way, a second server."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa
from tests.kernel.db.world import Noted, World, bodies, items, letters, notes, put, put_and_emit, run_sql
from tests.support import postgres
from tests.support.clock import FakeClock
from tests.support.engines import on_postgres

from vivesphere.kernel.db.errors import (
    AccessDenied,
    ConstraintViolated,
    DatabaseUnavailable,
    OutcomeUnknown,
    ReadOnly,
    StatementFailed,
    TransactionLost,
)
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.location import PoolSize, PostgresPlace
from vivesphere.kernel.db.postgres.connection import Connection
from vivesphere.kernel.db.postgres.engine import LOOK_SECONDS, PostgresEngine
from vivesphere.kernel.errors import StartError

pytestmark = [on_postgres, pytest.mark.usefixtures("engine")]


def engine_of(world: World) -> PostgresEngine:
    assert isinstance(world.database.engine, PostgresEngine)
    return world.database.engine


def end_connection(tx: Unit) -> None:
    """As an operator who restarts the server: the connection that speaks now is gone."""
    assert isinstance(tx._connection, Connection)
    pid = tx._connection.raw.info.backend_pid
    with postgres.connect(postgres.own_database()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


async def test_a_unit_whose_connection_is_lost_before_the_commit_runs_again(world: World) -> None:
    runs = []

    def once_lost(tx: Unit) -> None:
        runs.append(1)
        put_and_emit(tx, "kept")
        if len(runs) == 1:
            end_connection(tx)
            put(tx, notes, "into nothing")

    await world.notes.write(once_lost)
    assert await world.bodies(notes) == ["kept"]
    assert len(world.dispatched) == 1
    assert world.database.health().status == "ok"


async def test_a_unit_that_loses_every_connection_is_told_so(world: World) -> None:
    def lose(tx: Unit) -> None:
        end_connection(tx)
        put(tx, notes, "into nothing")

    with pytest.raises(DatabaseUnavailable, match="the database cannot do this now"):
        await world.notes.write(lose)
    assert world.database.health().status == "degraded"
    await world.notes.write(put, notes, "kept")
    assert world.database.health().status == "ok"


async def test_a_connection_lost_in_the_commit_leaves_the_outcome_unknown(world: World) -> None:
    """A trigger that runs at the commit ends the connection that commits."""
    await world.notes.write(put, notes, "before")
    with postgres.connect(postgres.own_database()) as other:
        other.execute(
            "CREATE FUNCTION vivesphere.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        other.execute(
            "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON vivesphere.notes DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION vivesphere.die()"
        )
    try:
        with pytest.raises(OutcomeUnknown, match="may be there or not"):
            await world.notes.write(put_and_emit, "nobody knows")
        assert engine_of(world)._horizon.doubtful
        assert await asyncio.to_thread(engine_of(world)._look) is None
        assert not engine_of(world)._horizon.doubtful
    finally:
        with postgres.connect(postgres.own_database()) as other:
            other.execute("DROP TRIGGER die ON vivesphere.notes")
            other.execute("DROP FUNCTION vivesphere.die()")
    assert await world.bodies(notes) == ["before"]
    await world.notes.write(put_and_emit, "after")
    assert [envelope.payload.body for envelope in world.dispatched] == ["after"]


async def test_units_in_each_others_way_run_again_and_none_is_lost(world: World) -> None:
    await world.notes.write(put, notes, "0")

    def count_up(tx: Unit) -> None:
        present = int(bodies(tx, notes)[0])
        tx.execute(sa.update(notes).values(body=str(present + 1)))

    await asyncio.gather(*(world.notes.write(count_up) for _ in range(20)))
    assert await world.bodies(notes) == ["20"]


async def test_a_failed_statement_ends_the_unit_whatever_the_rule_makes_of_it(world: World) -> None:
    await world.notes.write(put, notes, "once")

    def go_on(tx: Unit) -> None:
        with pytest.raises(sa.exc.IntegrityError):
            put(tx, notes, "once")

    def go_on_and_write(tx: Unit) -> None:
        go_on(tx)
        put(tx, notes, "more")

    for rule in (go_on, go_on_and_write):
        with pytest.raises(TransactionLost):
            await world.notes.write(rule)
    with pytest.raises(ConstraintViolated, match="notes_body_key"):
        await world.notes.write(put, notes, "once")
    assert await world.bodies(notes) == ["once"]


async def test_text_with_a_nul_is_refused(world: World) -> None:
    with pytest.raises(StatementFailed, match="NUL"):
        await world.notes.write(put, notes, "a\0b")


async def test_a_read_writes_nothing(world: World) -> None:
    with pytest.raises(ReadOnly):
        await world.notes.read(put, notes, "a")


@pytest.mark.parametrize(
    "sql", ["COMMIT", "/* a /* b */ c */ ROLLBACK", "SET ROLE NONE", "-- hello\nRESET ROLE", "DO 'x'", "(", "/*"]
)
async def test_a_unit_cannot_leave_its_transaction_or_its_role(world: World, sql: str) -> None:
    for handle in (world.notes, world.quotes):
        with pytest.raises(AccessDenied):
            await handle.write(run_sql, sql)


async def test_savepoints_are_a_units_own(world: World) -> None:
    def with_savepoint(tx: Unit) -> None:
        run_sql(tx, "SAVEPOINT mine")
        put(tx, notes, "given up")
        run_sql(tx, "ROLLBACK TO SAVEPOINT mine")
        put(tx, notes, "kept")

    await world.notes.write(with_savepoint)
    assert await world.bodies(notes) == ["kept"]


async def test_a_plugin_has_a_login_of_its_own_and_its_own_tables(world: World) -> None:
    await world.quotes.write(put, items, "mine")
    assert await world.quotes.read(bodies, items) == ["mine"]
    user = await world.quotes.read(run_sql, "SELECT session_user::text, current_user::text")
    assert user[0][0] == user[0][1]
    assert user[0][0].endswith("_plugin_quotes")
    for table in (notes, letters):
        with pytest.raises(AccessDenied, match=f"plugin:quotes may not read {table.name}"):
            await world.quotes.read(bodies, table)
    with pytest.raises(AccessDenied, match="plugin:quotes may not write letters"):
        await world.quotes.write(put, letters, "stolen")
    assert world.database.statistics().refused == 3


async def test_a_plugins_event_leaves_with_its_write(world: World) -> None:
    await world.quotes.write(put_and_emit)

    def both(tx: Unit) -> None:
        put(tx, items, "mine")
        put_and_emit_nothing(tx)

    await world.quotes.write(both)
    assert await world.bodies(items) == ["mine"]


def put_and_emit_nothing(tx: Unit) -> None:
    """Only a plugin's own events are a plugin's to emit; the hooks of this world allow every one."""
    tx.emit(Noted(body="said"))


async def test_what_a_plugin_tells_its_session_does_not_outlive_its_unit(world: World) -> None:
    await world.quotes.read(run_sql, "SELECT set_config('statement_timeout', '0', false), pg_advisory_lock(7)")
    assert await world.quotes.read(run_sql, "SELECT current_setting('statement_timeout')") == [("2s",)]
    assert await world.quotes.read(run_sql, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7") == [(0,)]


async def test_what_takes_too_long_is_stopped(world: World) -> None:
    def sleep(tx: Unit, *, first: str) -> None:
        tx.hurry(0.2)
        run_sql(tx, first)
        run_sql(tx, "SELECT pg_sleep(60)")

    for first in ("SELECT 1", "SELECT set_config('statement_timeout', '0', true)"):
        with pytest.raises(StatementFailed, match="took too long"):
            await world.quotes.read(partial(sleep, first=first))
    assert await world.quotes.read(bodies, items) == []


async def test_a_second_server_is_refused(world: World) -> None:
    with pytest.raises(StartError, match="in use by another ViveSphere server"):
        await Database.open(postgres.own_database(), clock=FakeClock())


async def test_a_server_that_lost_its_lock_takes_it_again(world: World) -> None:
    lock = engine_of(world)._lock
    assert lock._holding is not None
    with postgres.connect(postgres.own_database()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (lock._holding.info.backend_pid,))
    assert await asyncio.to_thread(lock.keep) is None
    assert await asyncio.to_thread(lock.keep) is None


async def test_a_server_nobody_answers_at_is_told_in_one_sentence() -> None:
    place = PostgresPlace(sa.make_url("postgresql+psycopg://vive:hunter2@127.0.0.1:1/vive"), PoolSize(1, 1))
    with pytest.raises(StartError) as caught:
        await Database.open(place, clock=FakeClock())
    assert "hunter2" not in str(caught.value)
    assert "PostgreSQL database vive on 127.0.0.1" in str(caught.value)


async def test_no_event_comes_late(world: World) -> None:
    """While an event with a smaller number is under way, nobody is told of one with a greater, and no cursor passes it."""
    engine = engine_of(world)
    ticket = engine._horizon.begin()
    told: list[object] = []
    quick = asyncio.create_task(world.notes.write(put_and_emit, "quick"))
    quick.add_done_callback(told.append)
    while await world.bodies(notes) != ["quick"]:
        pass
    assert await world.letters.read(lambda tx: tx.horizon) == 0
    assert (told, world.dispatched) == ([], [])
    engine._horizon.end(ticket)
    await world.notes.write(put_and_emit, "another")
    await quick
    assert [envelope.seq for envelope in world.dispatched] == [1, 2]
    assert await world.letters.read(lambda tx: tx.horizon) == 2


async def test_it_looks_after_itself_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    with postgres.new_database() as place:
        database = await Database.open(place, clock=clock)
        try:
            monkeypatch.setattr(PostgresEngine, "_look", lambda _: "another server has it")
            assert database.health().status == "ok"
            await clock.advance(LOOK_SECONDS)
            async with asyncio.timeout(10):
                while database.health().status == "ok":  # noqa: ASYNC110 - a plain fact, with no event to it
                    await asyncio.sleep(0)
        finally:
            await database.close()
