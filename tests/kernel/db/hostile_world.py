"""Where hostile SQL is spoken: two plugins, two people in two projects, a table of each, and what must not have changed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from tests.kernel.db.hostile_corpus import UP
from tests.support import engines
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.broker.broker import Broker, SqlHandle
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.broker.statement import Dialect
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal

QUOTES, DICE = principals.plugin("quotes"), principals.plugin("dice")
ANN, BOB = principals.user("ann"), principals.user("bob")
CORE = principals.module("letters")

_own = sa.MetaData()


def _table(name: str, project: str = "") -> sa.Table:
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text)
    return sa.Table(name, _own, *columns, info={"project": project})


ITEMS, ROLLS, LETTERS = _table("ext_quotes__items"), _table("ext_dice__rolls"), _table("letters")
LEADS, PAYROLL = _table("data_leads", "garden"), _table("data_payroll", "vault")
OWNERS = {ITEMS: QUOTES, ROLLS: DICE, LETTERS: CORE, LEADS: ANN, PAYROLL: BOB}
WHOSE: dict[Principal, sa.Table] = {QUOTES: ITEMS, DICE: ROLLS, ANN: LEADS, BOB: PAYROLL}

SECRET = "tulip-"
"""Begins every value that is another's."""

OWN_BODY = "mine"

Speaker = Literal["plugin", "person"]
SPEAKERS: dict[Speaker, tuple[Principal, Principal]] = {"plugin": (QUOTES, DICE), "person": (ANN, BOB)}
"""Who speaks, and who comes next."""


Seen = dict[str, list[Any]]
_SCHEMA: dict[Dialect, str] = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master ORDER BY name",
    "postgresql": "SELECT n.nspname, relname, relkind::text, relacl::text FROM pg_class c JOIN pg_namespace n "
    "ON n.oid = relnamespace WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema' ORDER BY 1, 2",
}
"""What there is, by the database's own catalogue."""


@dataclass
class HostileWorld:
    """`reported` are the refusals that were told of."""

    database: Database
    gated: bool
    speaker: Principal
    neighbour: Principal
    reported: list[TableAccessDenied] = field(default_factory=list)
    before: Seen = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database.hooks.report = self._report
        self.dialect: Dialect = "postgresql" if engines.current() == "postgres" else "sqlite"
        self.broker = Broker(self.database.handle, self.dialect, SqlGate() if self.gated else None)
        self.sql = self.broker.handle(self.speaker)

    def _report(self, denied: TableAccessDenied, _cause: Cause) -> None:
        self.reported.append(denied)

    def written(self, template: str) -> str:
        """The statement for this speaker: behind the gate its own table has its bare name."""
        own = str(WHOSE[self.speaker].name)
        if self.gated:
            own = own.removeprefix("ext_quotes__").removeprefix("data_")
        names = {"own": own, "secret": ROLLS.name, "payroll": PAYROLL.name, "core": LETTERS.name, "up": UP}
        for name, stands_for in names.items():
            template = template.replace(f"{{{name}}}", str(stands_for))
        return template

    async def others(self) -> Seen:
        """Everything in the database that is not the speaker's own, seen by the system."""
        own = str(WHOSE[self.speaker].name)
        tables = tuple(each.name for each in self.database.access.describe() if each.name != own)
        return await self.database.handle(SYSTEM).write(_look, tables, _SCHEMA[self.dialect])

    async def renew(self) -> None:
        """Give the speaker its own row back; what it does with its own is its own affair."""
        await self.database.handle(SYSTEM).write(_renew, WHOSE[self.speaker], self.dialect)

    async def check_all_is_well(self) -> None:
        """Nothing of another's has changed, and the connections serve whom they should."""
        assert await self.others() == self.before
        await self.serve_both()

    async def serve_both(self) -> None:
        """The speaker, and whoever comes next, get what is theirs."""
        await self.renew()
        for handle, table in ((self.sql, WHOSE[self.speaker]), (self.broker.handle(self.neighbour), WHOSE[self.neighbour])):
            await self._check_serves(handle, table)

    async def _check_serves(self, handle: SqlHandle, table: sa.Table) -> None:
        name = str(table.name)
        if self.gated:
            name = name.partition("__")[2] or name.removeprefix("data_")
        body = OWN_BODY if handle.principal == self.speaker else f"{SECRET}{table.name}"
        for ask in (handle.query, handle.execute):
            found = await ask(f"SELECT body FROM {name} WHERE id = 1")  # noqa: S608 - one of ours
            assert found.rows == ((body,),)


def _look(tx: Unit, tables: Sequence[str], schema: str) -> Seen:
    with tx.as_host():
        seen: Seen = {"schema": [tuple(row) for row in tx.execute(sa.text(schema))]}
    for name in tables:
        rows = tx.execute(sa.select(sa.literal_column("*")).select_from(sa.table(name)))
        seen[name] = sorted(map(str, rows))
    return seen


def _renew(tx: Unit, table: sa.Table, dialect: Dialect) -> None:
    if dialect == "postgresql":
        # A large object is in no table, and keeps the role that made it from being dropped.
        with tx.as_host():
            tx.execute(sa.text("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")).all()
    tx.execute(sa.delete(table))
    tx.execute(sa.insert(table), {"id": 1, "body": OWN_BODY})


def _furnish(tx: Unit) -> None:
    for table in OWNERS:
        tx.execute(sa.insert(table), {"id": 1, "body": f"{SECRET}{table.name}"})


@asynccontextmanager
async def hostile_world(tmp_path: Path, speaker: Speaker, *, gated: bool) -> AsyncIterator[HostileWorld]:
    records = frozenset({"data.record.read", "data.record.write"})
    async with open_database(tmp_path, models=[], extra=OWNERS) as database:
        database.access.permit(PermissionSnapshot(grants={ANN: {"garden": records}, BOB: {"vault": records}}))
        await database.handle(SYSTEM).write(_furnish)
        who, neighbour = SPEAKERS[speaker]
        world = HostileWorld(database, gated, who, neighbour)
        # Once before anybody looks: PostgreSQL has people's roles made when they first speak.
        await world.serve_both()
        world.before = await world.others()
        yield world
