"""What a stranger may try on PostgreSQL when no gate has read its statements."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest
from tests.kernel.db.postgres.test_faults import engine_of
from tests.kernel.db.world import Noted, World, bodies, items, put, run_sql
from tests.support import postgres
from tests.support.clock import FakeClock
from tests.support.engines import on_postgres

from vivesphere import tables
from vivesphere.kernel import principals
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.db.errors import AccessDenied, DatabaseUnavailable, OutcomeUnknown, StatementFailed
from vivesphere.kernel.db.handle import Database, Unit
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
        async with asyncio.timeout(20):
            await world.notes.write(unlucky, "host", lambda: None)
    finally:
        go.set()
    await holding


async def test_people_whose_rights_change_leave_neither_roles_nor_connections_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivesphere.kernel.db.postgres.roles.MOST_PEOPLE", 4)
    monkeypatch.setattr("vivesphere.kernel.db.postgres.engine.GUEST_POOLS", 2)
    database = world.database
    database.access.permit(PermissionSnapshot(grants={ANN: {"garden": frozenset({"data.record.read"})}}))

    def make(tx: Unit, name: str) -> None:
        with tx.as_host():
            run_sql(tx, f"CREATE TABLE {name} (id integer)")

    for number in range(10):
        table = msgspec.structs.replace(LEADS, name=f"data_leads_{number}")
        await world.system.write(make, table.name)
        database.access.replace([*database.access.describe(), table])
        await database.engine.access_changed()
        assert await database.handle(ANN).read(run_sql, "SELECT id FROM data_leads_0") == []
    with postgres.connect(postgres.own_database()) as other:
        logins = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE '%people%'"
        noted = (
            "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE relname = 'data_leads_0' "
            "AND pg_get_userbyid(a.grantee) LIKE '%people%'"
        )
        assert other.execute(logins).fetchone() == (2,)
        assert (other.execute(noted).fetchone() or (5,)) <= (4,)


async def test_a_role_that_owns_something_is_dropped_all_the_same(world: World) -> None:
    await world.database.handle(ANN).write(run_sql, "SELECT lo_from_bytea(0, 'kept')")
    roles = engine_of(world)._roles
    await asyncio.to_thread(roles.begin, world.database.access.policy)
    with postgres.connect(postgres.own_database()) as other:
        assert other.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)


async def test_a_login_that_may_only_create_roles_keeps_guests_apart_as_well() -> None:
    """The tests' own login is a superuser, which hides what it takes."""
    name = "vs_keeper"
    with postgres.new_database("template0") as made:
        with postgres.connect(postgres.place_in(postgres.server(), "postgres")) as other:
            other.execute(f"CREATE ROLE {name} LOGIN CREATEROLE")
            other.execute(f"ALTER DATABASE {made.url.database} OWNER TO {name}")
        place = postgres.place_in(made.url.set(username=name), str(made.url.database))
        await asyncio.to_thread(migrate.bring_up_to_date, place, owners=tables.owners())
        for _ in range(2):
            database = await Database.open(place, clock=FakeClock())
            assert database.health().status == "ok"
            await database.handle(ANN).write(run_sql, "SELECT lo_from_bytea(0, 'kept')")
            for principal in (ANN, principals.plugin("quotes"), principals.module("data")):
                with pytest.raises(AccessDenied):
                    await database.handle(principal).read(run_sql, "SELECT * FROM event_log")
            await database.close()
