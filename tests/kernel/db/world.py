"""Two modules, two plugins and their tables, on a real file; what the bus would do is written down instead."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent, history
from vivesphere.kernel.db.handle import Database, DatabaseHandle, Unit
from vivesphere.kernel.db.sqlite.engine import SqliteEngine
from vivesphere.kernel.db.sqlite.readers import Readers
from vivesphere.kernel.db.sqlite.writer import Writer
from vivesphere.kernel.db.types import Json
from vivesphere.kernel.principals import SYSTEM, Principal

NOTES = principals.module("notes")
LETTERS = principals.module("letters")
QUOTES = principals.plugin("quotes")
DICE = principals.plugin("dice")

_own = sa.MetaData()
notes = sa.Table(
    "notes",
    _own,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, unique=True),
    sa.Column("extra", Json),
)
parts = sa.Table(
    "parts",
    _own,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("note", sa.ForeignKey("notes.id", deferrable=True, initially="DEFERRED")),
)
letters = sa.Table("letters", _own, sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
items = sa.Table("ext_quotes__items", _own, sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
rolls = sa.Table("ext_dice__rolls", _own, sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
OWNERS = {notes: NOTES, parts: NOTES, letters: LETTERS, items: QUOTES, rolls: DICE}


class Noted(Event, durable=True):
    topic = "notes.note.made"
    body: str


class Glanced(Event):
    topic = "notes.note.glanced"
    body: str


class Signed(Event, durable=True):
    topic = "notes.note.signed"
    secret = frozenset({"signature"})
    body: str
    signature: str


class Whispered(Event):
    """An event without a topic, which nobody can hear."""


@dataclass
class World:
    """`dispatched`, `reported` and `looped` are what the hooks got, in order."""

    database: Database
    dispatched: list[Envelope[Any]] = field(default_factory=list)
    reported: list[tuple[Event, Cause]] = field(default_factory=list)
    looped: list[tuple[Principal, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database.hooks.dispatch = self.dispatched.extend
        self.database.hooks.report = lambda event, cause: self.reported.append((event, cause))
        self.database.hooks.break_loop = lambda principal, _, topic: self.looped.append((principal, topic))
        self.notes = self.database.handle(NOTES)
        self.letters = self.database.handle(LETTERS)
        self.quotes = self.database.handle(QUOTES)
        self.dice = self.database.handle(DICE)
        self.system = self.database.handle(SYSTEM)

    @property
    def readers(self) -> Readers:
        """SQLite's."""
        assert isinstance(self.database.engine, SqliteEngine)
        return self.database.engine.readers

    @property
    def writer(self) -> Writer:
        """SQLite's."""
        assert isinstance(self.database.engine, SqliteEngine)
        return self.database.engine.writer

    async def logged(self) -> tuple[RecordedEvent, ...]:
        """The event log, newest first."""
        return (await self.system.read(history, HistoryQuery())).items

    async def bodies(self, table: sa.Table) -> list[str]:
        return await self.system.read(bodies, table)


@asynccontextmanager
async def a_world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_database(tmp_path, models=[], extra=OWNERS) as database:
        yield World(database)


def put(tx: Unit, table: sa.Table, body: str) -> str:
    tx.execute(sa.insert(table), {"body": body})
    return body


def put_and_emit(tx: Unit, *bodies: str) -> None:
    for body in bodies:
        put(tx, notes, body)
        tx.emit(Noted(body=body))


def bodies(tx: Unit, table: sa.Table) -> list[str]:
    return list(tx.execute(sa.select(table.c.body).order_by(table.c.id)).scalars())


def run_sql(tx: Unit, sql: str) -> list[tuple[Any, ...]]:
    result = tx.execute(sa.text(sql))
    return [tuple(row) for row in result] if result.returns_rows else []


class HeldWriter:
    """Holds the writer in a unit of its own, so that everything asked for meanwhile lands in one group."""

    def __init__(self, handle: DatabaseHandle) -> None:
        self._handle = handle
        self._entered = threading.Event()
        self._go = threading.Event()

    async def __aenter__(self) -> "HeldWriter":
        self._task = asyncio.create_task(self._handle.write(self._hold))
        await asyncio.to_thread(self._entered.wait)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._go.set()
        await self._task

    def _hold(self, tx: Unit) -> None:
        self._entered.set()
        self._go.wait()


async def together(handle: DatabaseHandle, *asked: Callable[[], Any]) -> list[Any]:
    """Ask for all of it while the writer is held; what each answered or raised."""
    async with HeldWriter(handle):
        tasks: Sequence[asyncio.Task[Any]] = [asyncio.ensure_future(ask()) for ask in asked]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)
