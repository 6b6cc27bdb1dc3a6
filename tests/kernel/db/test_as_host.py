"""Defining tables with the host's rights: for few, in the unit's own transaction, and nothing stays allowed after it."""

import pytest
import sqlalchemy as sa
from tests.kernel.db.world import World, run_sql

from vivesphere.kernel import principals
from vivesphere.kernel.db.errors import AccessDenied, ReadOnly
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.principals import SYSTEM, Principal

pytestmark = pytest.mark.usefixtures("engine")

MAKE = "CREATE TABLE data_leads (id INTEGER PRIMARY KEY, name TEXT)"
DATA = principals.module("data")


def make(tx: Unit) -> None:
    with tx.as_host():
        run_sql(tx, MAKE)


@pytest.mark.parametrize("principal", [SYSTEM, DATA, principals.module("plugins")])
async def test_the_host_defines_tables(world: World, principal: Principal) -> None:
    await world.database.handle(principal).write(make)
    assert "data_leads" in await world.system.write(table_names)


@pytest.mark.parametrize("principal", [principals.module("notes"), principals.plugin("quotes"), principals.user("ada")])
async def test_others_do_not(world: World, principal: Principal) -> None:
    with pytest.raises(AccessDenied, match="define tables"):
        await world.database.handle(principal).write(make)
    assert world.database.hooks.refused == 1


async def test_a_read_defines_nothing(world: World) -> None:
    with pytest.raises(ReadOnly):
        await world.database.handle(DATA).read(make)


async def test_nothing_stays_allowed_after_it_not_even_a_statement_that_was_prepared(world: World) -> None:
    def peep(tx: Unit) -> None:
        with tx.as_host():
            assert run_sql(tx, "SELECT body FROM notes") == []
        run_sql(tx, "SELECT body FROM notes")

    with pytest.raises(AccessDenied, match="read notes"):
        await world.database.handle(DATA).write(peep)


async def test_it_ends_with_a_rule_that_fails_in_it(world: World) -> None:
    def fail(tx: Unit) -> None:
        try:
            make_badly(tx)
        except ArithmeticError:
            run_sql(tx, "SELECT body FROM notes")

    with pytest.raises(AccessDenied):
        await world.database.handle(DATA).write(fail)
    assert "data_leads" not in await world.system.write(table_names)


async def test_a_unit_that_fails_takes_its_tables_with_it(world: World) -> None:
    with pytest.raises(ArithmeticError):
        await world.database.handle(DATA).write(make_badly)
    assert "data_leads" not in await world.system.write(table_names)


def make_badly(tx: Unit) -> None:
    with tx.as_host():
        run_sql(tx, MAKE)
        raise ArithmeticError


def table_names(tx: Unit) -> list[str]:
    with tx.as_host():
        return sa.inspect(tx._open().core).get_table_names()
