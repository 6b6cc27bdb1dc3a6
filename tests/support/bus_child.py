"""A server that does nothing but publish durable events at speed and listen to them, to be killed: `test_bus_crash.py`.

It is the real composition (`app.running`) with one module of its own. `python -m tests.support.bus_child DATA ROUND` prints the
number of each event once `publish` has returned, which is when the server has promised it; without a ROUND it only listens.
It ends when its standard input does.
"""

import asyncio
import os
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvloop
from tests.support.database import add_tables

from vivesphere import app, tables
from vivesphere.kernel import principals, telemetry
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.data_directory import DataDirectory
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.sqlite.connection import make_engine
from vivesphere.kernel.module import DurableListener, Module, ModuleContext
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.telemetry import LogSettings

ARENA = principals.module("arena")
PLAIN, LANED = "plain", "laned"
PUBLISHERS = 8
KEYS = 7
LANES = 3
ROUND_SIZE = 1_000_000
"""Numbers of one round: `round * ROUND_SIZE + n`, so that no two events of an installation bear the same one."""

STUMBLES = 997
"""Every event whose number it divides is failed at its first try, before anything is written."""

metadata = sa.MetaData()


def _effects(name: str) -> sa.Table:
    # Nothing here is unique but the row: an effect that happened twice shall stand there twice.
    columns = [sa.Column(column, sa.Integer, nullable=False) for column in ("number", "key", "seq")]
    return sa.Table(f"arena_{name}", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)


EFFECTS = {PLAIN: _effects(PLAIN), LANED: _effects(LANED)}


class Struck(Event, durable=True):
    topic = "arena.struck"
    number: int
    key: int


class Landed(Event, durable=True):
    """Said in the unit that writes the effect."""

    topic = "arena.landed"
    number: int
    listener: str


class Stumbled(Exception):
    """The first try at an event."""


def prepare(data: Path) -> None:
    """Make a new installation, with the module's tables in it."""
    directory = DataDirectory(data)
    directory.path.mkdir(mode=0o700)
    migrate.bring_up_to_date(SqlitePlace(directory.database), owners=tables.owners())
    with make_engine(directory.database).begin() as connection:
        add_tables(connection, tables.owners(), dict.fromkeys(EFFECTS.values(), ARENA), datetime.now(UTC))


def calls(data: Path, listener: str) -> Path:
    """The file with the numbers that the listener's handler was called with, one in a line."""
    return data / f"calls-{listener}"


class Arena:
    """The module. A handler notes that it was called, and in its last unit writes the effect."""

    def __init__(self, context: ModuleContext, data: Path) -> None:
        self._context = context
        self._calls = {name: os.open(calls(data, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for name in EFFECTS}

    async def plain(self, delivery: Delivery[Struck]) -> None:
        await self._land(PLAIN, delivery)

    async def laned(self, delivery: Delivery[Struck]) -> None:
        await self._land(LANED, delivery)

    async def _land(self, listener: str, delivery: Delivery[Struck]) -> None:
        number = delivery.event.number
        os.write(self._calls[listener], b"%d\n" % number)
        if number % STUMBLES == 0 and delivery.attempt == 1:
            raise Stumbled
        await self._context.db.acknowledge(delivery.acknowledgement, land, listener, delivery.envelope)

    async def publish(self, number: int, step: int) -> None:
        """For ever, telling of each event once it is promised."""
        while True:
            await self._context.bus.publish(Struck(number=number, key=number % KEYS))
            os.write(sys.stdout.fileno(), b"%d\n" % number)
            number += step


def land(tx: Unit, listener: str, struck: Envelope[Struck]) -> None:
    event = struck.payload
    tx.execute(sa.insert(EFFECTS[listener]), {"number": event.number, "key": event.key, "seq": struck.seq})
    tx.emit(Landed(number=event.number, listener=listener))


async def serve(data: Path, round_number: int | None) -> None:
    arenas: list[Arena] = []

    def build(context: ModuleContext) -> Module:
        arena = Arena(context, data)
        arenas.append(arena)
        return Module(
            name=context.name,
            publishes=(Struck, Landed),
            durable_listeners=(
                DurableListener((Struck,), arena.plain, PLAIN),
                DurableListener((Struck,), arena.laned, LANED, ordered=True, key=_key, lanes=LANES),
            ),
        )

    settings = Settings.load({"VIVESPHERE_DATA_DIR": str(data)})
    async with app.running(settings, builds={"arena": build}):
        publishing: list[asyncio.Task[Any]] = []
        if round_number is not None:
            first = round_number * ROUND_SIZE
            publishing = [asyncio.create_task(arenas[0].publish(first + n, PUBLISHERS)) for n in range(PUBLISHERS)]
        await asyncio.to_thread(sys.stdin.read)
        for task in publishing:
            task.cancel()


def _key(struck: Envelope[Struck]) -> int:
    return struck.payload.key


def look(data: Path) -> sqlite3.Connection:
    """The installation's database, read only."""
    return sqlite3.connect(f"{DataDirectory(data).database.as_uri()}?mode=ro", uri=True)


def main(data: str, round_number: str = "") -> None:
    sys.setswitchinterval(0.0001)
    # To standard error, and no warning for each stumble.
    telemetry.configure_logging(LogSettings(level="error"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(data), int(round_number) if round_number else None))


if __name__ == "__main__":
    main(*sys.argv[1:])
