"""Where hostile SQL is spoken: two plugins, two people in two projects, a table of each, and what must not have changed."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from tests.kernel.db.hostile_corpus import UP, Engine
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.broker.broker import Broker, SqlHandle
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal

ENGINES: tuple[Engine, ...] = ("sqlite",)

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


@dataclass
class HostileWorld:
    """`reported` are the refusals that were told of."""

    database: Database
    file: Path
    gated: bool
    speaker: Principal
    neighbour: Principal
    reported: list[TableAccessDenied] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database.hooks.report = self._report
        self.broker = Broker(self.database.handle, "sqlite", SqlGate() if self.gated else None)
        self.sql = self.broker.handle(self.speaker)
        self.before = self.others()

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

    def others(self) -> dict[str, Sequence[Any]]:
        """Everything in the database that is not the speaker's own, seen by somebody else."""
        own = str(WHOSE[self.speaker].name)
        with closing(sqlite3.connect(self.file)) as raw:
            schema = raw.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
            tables = [name for kind, name, _ in schema if kind == "table" and name != own]
            rows = {name: raw.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}  # noqa: S608 - names of the schema
            return {"schema": schema, **rows}

    async def renew(self) -> None:
        """Give the speaker its own row back; what it does with its own is its own affair."""
        await self.database.handle(SYSTEM).write(_renew, WHOSE[self.speaker])

    async def check_all_is_well(self) -> None:
        """Nothing of another's has changed, and the connections serve whom they should."""
        assert self.others() == self.before
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


def _renew(tx: Unit, table: sa.Table) -> None:
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
        world = HostileWorld(database, tmp_path / "vivesphere.db", gated, who, neighbour)
        await world.renew()
        yield world
