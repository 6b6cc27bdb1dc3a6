"""What a stranger may try on PostgreSQL when no gate has read its statements."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.kernel.db.world import Noted, World, bodies, items, put, run_sql
from tests.support import postgres
from tests.support.engines import on_postgres

from vivesphere.kernel import principals
from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.db.errors import AccessDenied, DatabaseUnavailable, OutcomeUnknown, StatementFailed
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.postgres.connection import Connection
from vivesphere.kernel.db.postgres.guests import Guest
from vivesphere.kernel.db.postgres.transactions import ALONE
from vivesphere.kernel.permissions import PermissionSnapshot

pytestmark = [on_postgres, pytest.mark.usefixtures("engine")]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO ext_quotes__items (body) VALUES ('kept'); COMMIT; BEGIN",
        "SELECT 1; ROLLBACK; BEGIN READ WRITE; INSERT INTO ext_quotes__items (body) VALUES ('kept'); COMMIT; BEGIN",
        "SELECT 1; ALTER ROLE CURRENT_USER PASSWORD 'mine now'",
        "SELECT 1; DECLARE kept CURSOR WITH HOLD FOR SELECT 1",
        "SELECT 1; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    ],
)
async def test_nothing_stands_behind_a_semicolon(world: World, sql: str) -> None:
    """A second statement could end the unit's transaction: kept, whatever becomes of the unit, and written in a read."""
    for ask in (world.quotes.read, world.quotes.write, world.notes.write):
        with pytest.raises(StatementFailed, match="multiple commands"):
            await ask(run_sql, sql)
    assert await world.bodies(items) == []


async def test_a_right_that_could_not_be_taken_back_is_taken_back_before_its_holder_speaks_again(world: World) -> None:
    await world.quotes.write(put, items, "secret")
    with postgres.connect(postgres.own_database()) as other:
        other.execute("CREATE FUNCTION public.no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$")
        other.execute("CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('REVOKE') EXECUTE FUNCTION public.no()")
        world.database.access.replace(each for each in world.database.access.describe() if each.name != items.name)
        try:
            with pytest.raises(DatabaseUnavailable, match="cannot be put in force"):
                await world.database.engine.access_changed()
            with pytest.raises(DatabaseUnavailable, match="cannot say what plugin:quotes may"):
                await world.quotes.read(bodies, items)
        finally:
            other.execute("DROP EVENT TRIGGER no")
            other.execute("DROP FUNCTION public.no()")
    with pytest.raises(AccessDenied):
        await world.quotes.read(bodies, items)


ANN = principals.user("ann")
LEADS = TableDescription(name="data_leads", access_level="user", owner=ANN, is_system=False, project="garden")


def make_leads(tx: Unit) -> None:
    with tx.as_host():
        run_sql(tx, "CREATE TABLE data_leads (id integer)")


async def test_who_asks_while_a_new_table_is_put_in_force_is_not_refused_for_good(world: World) -> None:
    database = world.database
    database.access.permit(PermissionSnapshot(grants={ANN: {"garden": frozenset({"data.record.read"})}}))
    await world.system.write(make_leads)
    database.access.replace([*database.access.describe(), LEADS])
    with pytest.raises(AccessDenied):
        await database.handle(ANN).read(run_sql, "SELECT id FROM data_leads")
    await database.engine.access_changed()
    assert await database.handle(ANN).read(run_sql, "SELECT id FROM data_leads") == []


@contextmanager
def no_log_keeps_this() -> Iterator[None]:
    """The host's transaction fails in its commit, as one that was in the way of another may."""
    with postgres.connect(postgres.own_database()) as other:
        other.execute(
            "CREATE FUNCTION vivesphere.fail() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = 'serialization_failure'; END $$"
        )
        other.execute(
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON vivesphere.event_log DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION vivesphere.fail()"
        )
        try:
            yield
        finally:
            other.execute("DROP TRIGGER fail ON vivesphere.event_log")
            other.execute("DROP FUNCTION vivesphere.fail()")


async def test_a_guests_write_that_is_kept_is_not_made_again_when_the_hosts_part_fails(world: World) -> None:
    def both(tx: Unit) -> None:
        put(tx, items, "once")
        tx.emit(Noted(body="said"))

    with no_log_keeps_this(), pytest.raises(OutcomeUnknown):
        await world.quotes.write(both)
    assert await world.bodies(items) == ["once"]
    assert world.dispatched == []


async def test_a_guest_that_only_speaks_runs_again(world: World) -> None:
    with no_log_keeps_this(), pytest.raises(DatabaseUnavailable, match="again and again"):
        await world.quotes.write(lambda tx: tx.emit(Noted(body="said")))


async def test_an_unlucky_guest_does_not_keep_the_host_waiting(world: World) -> None:
    """Who was unlucky often enough runs alone, but a guest takes its time there."""
    entered, go = threading.Event(), threading.Event()
    runs: Counter[str] = Counter()

    def unlucky(tx: Unit, who: str, wait: Callable[[], object]) -> None:
        runs[who] += 1
        run_sql(tx, "SELECT 1")
        if runs[who] <= ALONE:
            speaks = tx._connection._connection() if isinstance(tx._connection, Guest) else tx._connection
            assert isinstance(speaks, Connection)
            speaks.must_run_again = True
        else:
            wait()

    def hold() -> None:
        entered.set()
        go.wait()

    holding = asyncio.create_task(world.quotes.write(unlucky, "guest", hold))
    await asyncio.to_thread(entered.wait)
    try:
        await asyncio.wait_for(world.notes.write(unlucky, "host", lambda: None), 20)
    finally:
        go.set()
    await holding
