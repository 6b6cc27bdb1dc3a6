"""Access through random lives: grants asked for, given and taken back, permissions changed, tables dropped and made again, a
restart in between. After every step the engine lets everybody do what a model of a few lines says, and nothing else."""

import asyncio
import tempfile
from contextlib import AsyncExitStack, suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.schema import CreateTable
from tests.support.clock import FakeClock
from tests.support.database import open_database, place_of

from vivesphere.kernel import principals
from vivesphere.kernel.db import ddl
from vivesphere.kernel.db.access import ACTIONS, KEEPER, NEEDED, Action, Granted, TableDescription
from vivesphere.kernel.db.errors import AccessDenied, StatementFailed
from vivesphere.kernel.db.grant_errors import GrantDecided, TableNotThere
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.grants import GrantQuery
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.table_records import write_down
from vivesphere.kernel.permissions import EVERY_PROJECT, Permissions, PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal

PROJECTS = {"data_leads": "garden", "data_roses": "kitchen"}
PLUGINS = (principals.plugin("dice"), principals.plugin("echo"))
PEOPLE = (principals.user("ada"), Principal("apikey:k1"))
SQL: dict[Action, str] = {"read": "SELECT count(*) FROM {}", "write": "INSERT INTO {} (body) VALUES ('more')"}

Step = tuple[Any, ...]

_granted = st.builds(Granted, st.sampled_from(PLUGINS), st.sampled_from(ACTIONS), st.sampled_from(sorted(PROJECTS)))
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), _granted),
        st.tuples(st.just("grant"), _granted),
        st.tuples(st.just("revoke"), _granted),
        st.tuples(st.just("ask"), _granted),
        st.tuples(
            st.just("permit"),
            st.sampled_from(PEOPLE),
            st.sampled_from((EVERY_PROJECT, *PROJECTS.values())),
            st.frozensets(st.sampled_from((*NEEDED.values(), "data.>", "data.table.read"))),
        ),
        st.tuples(st.just("drop"), st.sampled_from(sorted(PROJECTS))),
        st.tuples(st.just("make"), st.sampled_from(sorted(PROJECTS))),
        st.just(("restart",)),
    ),
    max_size=12,
)


class Life:
    """What there should be, and one database after another that should have it."""

    def __init__(self) -> None:
        self.tables = set(PROJECTS)
        self.granted: set[Granted] = set()
        self.held: dict[tuple[Principal, str], frozenset[str]] = {}

    def opened(self, database: Database) -> None:
        self.database = database
        self.system = database.handle(SYSTEM)
        self.grants = TableGrants(self.system, database.refresh_access)
        self.permissions = Permissions()
        self.permissions.watch(database.access.permit)
        self._install()

    async def grant(self, granted: Granted) -> None:
        with suppress(GrantDecided, TableNotThere):
            await self.grants.grant(granted, PROJECTS[granted.table])
            assert granted.table in self.tables
            self.granted.add(granted)

    async def revoke(self, granted: Granted) -> None:
        for known in await self.grants.listed(GrantQuery(project=PROJECTS[granted.table]), 100):
            if known.granted == granted:
                with suppress(GrantDecided):
                    await self.grants.decide(known.id, "revoked", PROJECTS[granted.table])
        self.granted.discard(granted)

    async def ask(self, granted: Granted) -> None:
        await self.grants.ask(granted.grantee, {granted})

    async def permit(self, person: Principal, project: str, permissions: frozenset[str]) -> None:
        self.held[person, project] = permissions
        self._install()

    async def drop(self, table: str) -> None:
        if table in self.tables:
            self.tables.remove(table)
            self.granted = {granted for granted in self.granted if granted.table != table}
            await self.system.write(ddl.drop, table)
            await self.database.refresh_access()

    async def make(self, table: str) -> None:
        if table not in self.tables:
            self.tables.add(table)
            await self.system.write(make_table, table)
            await self.database.refresh_access()

    def may(self, principal: Principal, action: Action, table: str) -> bool:
        if principal in PLUGINS:
            return Granted(principal, action, table) in self.granted
        held = self.held.get((principal, EVERY_PROJECT), frozenset()) | self.held.get((principal, PROJECTS[table]), frozenset())
        return not held.isdisjoint({NEEDED[action], "data.>"})

    async def check(self) -> None:
        for principal, action, table in product((*PLUGINS, *PEOPLE), ACTIONS, sorted(PROJECTS)):
            assert await self._did(principal, action, table) == (table in self.tables and self.may(principal, action, table))

    async def _did(self, principal: Principal, action: Action, table: str) -> bool:
        handle = self.database.handle(principal)
        way = handle.read if action == "read" else handle.write
        try:
            await way(run, SQL[action].format(table))
        except (AccessDenied, StatementFailed):
            # Where there is no table, its name says no more than that.
            return False
        return True

    def _install(self) -> None:
        grants: dict[Principal, dict[str, frozenset[str]]] = {person: {} for person in PEOPLE}
        for (person, project), permissions in self.held.items():
            grants[person][project] = permissions
        self.permissions.install(PermissionSnapshot(grants=grants))


def run(tx: Unit, sql: str) -> None:
    tx.execute(sa.text(sql))


def a_table(name: str) -> sa.Table:
    columns = (sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
    return sa.Table(name, sa.MetaData(), *columns, info={"project": PROJECTS[name]})


def make_table(tx: Unit, name: str) -> None:
    with tx.as_host():
        tx.execute(CreateTable(a_table(name)))
        known = TableDescription(name=name, access_level="user", owner=KEEPER, is_system=False, project=PROJECTS[name])
        write_down(tx, known, tx.now())


async def live(folder: Path, steps: list[Step]) -> None:
    life = Life()
    async with AsyncExitStack() as stack:
        extra = {a_table(name): KEEPER for name in PROJECTS}
        life.opened(await stack.enter_async_context(open_database(folder, models=[], extra=extra)))
        await life.check()
        for step, *arguments in steps:
            if step == "restart":
                await life.database.close()
                again = await Database.open(place_of(folder), clock=FakeClock())
                stack.push_async_callback(again.close)
                life.opened(again)
            else:
                await getattr(life, step)(*arguments)
            await life.check()


@pytest.mark.usefixtures("engine")
@given(_steps)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_everybody_may_what_was_decided_last_and_nothing_else(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder), steps))
