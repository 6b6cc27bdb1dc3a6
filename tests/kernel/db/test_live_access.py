"""A change of tables, grants or permissions holds for connections that are open, and for statements that they have prepared."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable
from tests.support.clock import FakeClock
from tests.support.database import open_database, place_of

from vivesphere.kernel import principals
from vivesphere.kernel.db import ddl, table_records
from vivesphere.kernel.db.access import Granted
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.grants import Grant, GrantQuery
from vivesphere.kernel.db.handle import Database, DatabaseHandle, Unit
from vivesphere.kernel.permissions import Permissions, PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal

pytestmark = pytest.mark.usefixtures("engine")

DICE, ADA, KEY = principals.plugin("dice"), principals.user("ada"), Principal("apikey:k1")
DATA = principals.module("data")
LEADS = "data_leads"
READ, WRITE = "SELECT body FROM data_leads ORDER BY id", "INSERT INTO data_leads (body) VALUES ('more')"
leads = sa.Table(
    LEADS,
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text),
    info={"project": "garden"},
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path, models=[], extra={leads: DATA}) as database:
        await database.handle(SYSTEM).write(run, WRITE)
        yield database


@pytest.fixture
def grants(database: Database) -> TableGrants:
    return TableGrants(database.handle(SYSTEM), database.refresh_access)


@pytest.fixture
def permissions(database: Database) -> Permissions:
    permissions = Permissions()
    permissions.watch(database.access.permit)
    return permissions


def run(tx: Unit, sql: str) -> list[tuple[object, ...]]:
    result = tx.execute(sa.text(sql))
    return [tuple(row) for row in result] if result.returns_rows else []


async def refused(handle: DatabaseHandle) -> None:
    """Reading, reading where one may write, and writing."""
    for way, sql in ((handle.read, READ), (handle.write, READ), (handle.write, WRITE)):
        with pytest.raises(AccessDenied):
            await way(run, sql)


async def allowed(handle: DatabaseHandle) -> None:
    for way, sql in ((handle.read, READ), (handle.write, READ), (handle.write, WRITE)):
        await way(run, sql)


async def asked(grants: TableGrants) -> list[Grant]:
    await grants.ask(DICE, {Granted(DICE, "read", LEADS), Granted(DICE, "write", LEADS)})
    return await grants.listed(GrantQuery(project="garden"), 10)


async def test_an_approved_grant_holds_from_the_next_statement_and_a_revoked_one_no_longer(
    database: Database, grants: TableGrants
) -> None:
    dice = database.handle(DICE)
    await refused(dice)
    waiting = await asked(grants)
    await refused(dice)
    opened = database.statistics().read_connections
    # Twice round, so that each statement is met in the cache of a connection that allowed it, and of one that refused it.
    for _ in range(2):
        for grant in waiting:
            await grants.decide(grant.id, "approved", "garden")
        await allowed(dice)
        await allowed(dice)
        for grant in waiting:
            await grants.decide(grant.id, "revoked", "garden")
        await refused(dice)
    assert database.statistics().read_connections == opened, "the same connections, authorized anew"


async def test_reading_and_writing_are_granted_apart(database: Database, grants: TableGrants) -> None:
    dice = database.handle(DICE)
    await grants.grant(Granted(DICE, "read", LEADS), "garden")
    await dice.read(run, READ)
    with pytest.raises(AccessDenied, match="may not write data_leads"):
        await dice.write(run, WRITE)


@pytest.mark.parametrize("person", [ADA, KEY])
async def test_what_people_may_follows_their_permissions(
    database: Database, permissions: Permissions, person: Principal
) -> None:
    handle = database.handle(person)
    await refused(handle)
    for _ in range(2):
        permissions.install(PermissionSnapshot(grants={person: {"garden": frozenset({"data.record.>"})}}))
        await allowed(handle)
        permissions.install(PermissionSnapshot(grants={person: {"kitchen": frozenset({"data.record.>"})}}))
        await refused(handle)


async def test_a_unit_that_runs_ends_under_the_policy_it_began_with(database: Database, permissions: Permissions) -> None:
    permissions.install(PermissionSnapshot(grants={ADA: {"*": frozenset({">"})}}))
    ada = database.handle(ADA)
    entered, go = threading.Event(), threading.Event()

    def read_twice(tx: Unit) -> int:
        before = run(tx, READ)
        entered.set()
        go.wait()
        return len(before) + len(run(tx, READ))

    reading = asyncio.create_task(ada.read(read_twice))
    await asyncio.to_thread(entered.wait)
    permissions.install(PermissionSnapshot())
    go.set()
    assert await reading == 2
    await refused(ada)


async def test_a_table_that_comes_or_changes_hands_is_open_at_once_to_its_owner_only(database: Database) -> None:
    data, dice = database.handle(DATA), database.handle(DICE)
    await allowed(data)
    await database.handle(SYSTEM).write(hand_over, "plugin:stranger")
    await database.refresh_access()
    await refused(data)
    await refused(dice)


def hand_over(tx: Unit, owner: str) -> None:
    sql = "UPDATE table_metadata SET access_level = 'protected', owner_id = :owner WHERE table_name = :table"
    tx.execute(sa.text(sql), {"owner": owner, "table": LEADS})


async def test_a_dropped_table_takes_its_grants_with_it(database: Database, grants: TableGrants) -> None:
    """Another table of the same name is another table."""
    system, dice = database.handle(SYSTEM), database.handle(DICE)
    await grants.grant(Granted(DICE, "read", LEADS), "garden")
    await dice.read(run, READ)
    known = next(table for table in database.access.describe() if table.name == LEADS)

    def make_again(tx: Unit) -> None:
        with tx.as_host():
            tx.execute(CreateTable(leads))
            table_records.write_down(tx, known, tx.now())

    await system.write(ddl.drop, LEADS)
    await database.refresh_access()
    assert await grants.listed(GrantQuery(project="garden"), 10) == []
    await system.write(make_again)
    await database.refresh_access()
    await refused(dice)


async def test_what_is_granted_is_so_after_a_restart(tmp_path: Path) -> None:
    async with open_database(tmp_path, models=[], extra={leads: DATA}) as database:
        await TableGrants(database.handle(SYSTEM), database.refresh_access).grant(Granted(DICE, "read", LEADS), "garden")
        await database.close()
        again = await Database.open(place_of(tmp_path), clock=FakeClock())
        try:
            assert await again.handle(DICE).read(run, READ) == []
        finally:
            await again.close()


async def test_refreshes_that_overlap_end_with_what_was_written_last(database: Database, grants: TableGrants) -> None:
    dice = database.handle(DICE)
    grant = await grants.grant(Granted(DICE, "read", LEADS), "garden")
    for _ in range(20):
        await asyncio.gather(database.refresh_access(), grants.decide(grant.id, "revoked", "garden"), database.refresh_access())
        assert not database.access.policy.can(DICE, "read", LEADS)
        await asyncio.gather(
            database.refresh_access(), grants.decide(grant.id, "approved", "garden"), database.refresh_access()
        )
        await dice.read(run, READ)
