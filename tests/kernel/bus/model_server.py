"""A bus on a real database with listeners of the test's own, one life of it after the other, for `test_bus_model.py`."""

import asyncio
import sqlite3
import tempfile
from collections import defaultdict
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from tests.kernel.bus.model import Kind, LiveListener, Said
from tests.support.bus import BusForTests
from tests.support.clock import FakeClock
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.bus.durable import Delivery, DurableSubscription
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.live import Subscription
from vivesphere.kernel.bus.log import DatabaseDeliveryLog
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.principals import SYSTEM, Principal

KEYS = (0, 1, 2, 3)
HALL = principals.module("hall")
effects = sa.Table(
    "effects_of_tests",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Integer) for name in ("number", "key", "fails")),
    sa.Column("listener", sa.Text),
)


class Glanced(Event):
    topic = "arena.glanced"
    said: Said


class Rang(Event, durable=True):
    topic = "arena.bell.rang"
    said: Said


class Landed(Event, durable=True):
    """Said in the unit that writes an effect."""

    topic = "hall.landed"
    listener: str
    number: int


class LiveEar:
    """A live listener of the test: what it has heard, each lane by itself, and the gate that may hold its handler."""

    def __init__(self, expected: LiveListener) -> None:
        self.expected = expected
        self.gate = asyncio.Event()
        self.gate.set()
        self.heard: list[list[Said]] = [[] for _ in expected.lanes]
        self.subscription: Subscription | None = None

    async def hear(self, envelope: Envelope[Any]) -> None:
        await self.gate.wait()
        said = envelope.payload.said
        self.heard[hash(said.key) % len(self.heard)].append(said)


class DurableEar:
    """One life of a durable listener, until it leaves or dies. Its handler is held at events of a key, before or after it has
    written, while that gate is shut."""

    def __init__(self, kind: Kind, server: "Server") -> None:
        self.kind = kind
        self.server = server
        self.lifetime = Lifetime(kind.name)
        self.called: list[Said] = []
        self.listener: DurableSubscription | None = None
        self.gates = {(where, key): asyncio.Event() for where in ("before", "after") for key in KEYS}
        self.release()

    def release(self) -> None:
        for gate in self.gates.values():
            gate.set()

    def open(self, start: str) -> None:
        bus = BusHandle(self.server.bus.bus, HALL, self.lifetime)
        kind = self.kind
        self.listener = bus.listen_durably(
            (Rang,),
            self.handle,
            name=kind.name,
            ordered=kind.ordered,
            key=key_of if kind.lanes > 1 else None,
            lanes=kind.lanes,
            start=start,
            max_deliver=kind.max_deliver,
        )

    async def drained(self) -> None:
        assert self.listener is not None
        await self.listener.drained()

    async def handle(self, delivery: Delivery[Rang]) -> None:
        said = delivery.event.said
        self.called.append(said)
        await self.gates["before", said.key].wait()
        if self.kind.fails(said, delivery.attempt):
            raise ValueError(f"cannot open for {said.number}")
        if self.kind.once:
            await self.server.hall.acknowledge(delivery.acknowledgement, land, self.kind.name, said)
        else:
            await self.server.hall.write(land, self.kind.name, said)
        await self.gates["after", said.key].wait()


class Server:
    """One life of the process: a bus on the database file, as the application puts them together."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.bus = BusForTests(clock=clock)
        self.bus.bus.record_with(self._record)
        self.bus.bus.read_with(DatabaseDeliveryLog(database.handle(SYSTEM), clock))
        database.hooks.check = self.bus.bus.check
        database.hooks.dispatch = self.bus.bus.dispatch
        self.hall = database.handle(HALL)
        self.system = database.handle(SYSTEM)
        self.arena = self.bus.module("arena")
        self.live: list[LiveEar] = []
        self.durable: dict[str, DurableEar] = {}

    async def _record(self, principal: Principal, event: Event) -> None:
        await self.database.handle(principal).write(_emit, event)

    async def close(self) -> None:
        for ear in self.durable.values():
            await ear.lifetime.close()
        for live in self.live:
            live.gate.set()
        await self.bus.__aexit__()
        await self.database.close()


def land(tx: Unit, listener: str, said: Said) -> None:
    tx.execute(sa.insert(effects), {"listener": listener, "number": said.number, "key": said.key, "fails": said.fails})
    tx.emit(Landed(listener=listener, number=said.number))


def _emit(tx: Unit, event: Event) -> None:
    tx.emit(event)


def key_of(envelope: Envelope[Any]) -> int:
    key: int = envelope.payload.said.key
    return key


@cache
def empty_database() -> bytes:
    """A new installation's file."""

    async def make(folder: Path) -> None:
        async with open_database(folder, models=(), extra={effects: HALL}):
            pass

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(make(Path(folder)))
        return snapshot(Path(folder) / "vivesphere.db")


def snapshot(file: Path) -> bytes:
    """What is committed at this moment, whatever the writer does meanwhile."""
    with closing(sqlite3.connect(file)) as database:
        return database.serialize()


def _rows(tx: Unit, sql: str) -> list[Any]:
    return list(tx.execute(sa.text(sql)))


def recorded(tx: Unit) -> list[Said]:
    rows = _rows(tx, "SELECT payload ->> '$.said' FROM event_log WHERE topic = 'arena.bell.rang' ORDER BY seq")
    return [msgspec.json.decode(said, type=Said) for (said,) in rows]


def ids_by_number(tx: Unit) -> dict[int, str]:
    return dict(_rows(tx, "SELECT payload ->> '$.said.number', id FROM event_log WHERE topic = 'arena.bell.rang'"))


def written_effects(tx: Unit) -> dict[str, list[Said]]:
    """What each listener has written, in order."""
    written = defaultdict(list)
    for row in tx.execute(sa.select(effects).order_by(effects.c.id)):
        written[row.listener].append(Said(row.number, row.key, row.fails))
    return written


def landed_events(tx: Unit) -> dict[str, list[int]]:
    told = defaultdict(list)
    for payload in _rows(tx, "SELECT payload ->> '$' FROM event_log WHERE topic = 'hall.landed'"):
        landed = msgspec.json.decode(payload[0], type=Landed)
        told[landed.listener].append(landed.number)
    return told


def put_aside(tx: Unit) -> tuple[dict[str, set[int]], dict[str, dict[int, int]]]:
    """The numbers that wait or are done ahead, and those that are dead with the tries they had, by listener."""
    waiting: dict[str, set[int]] = defaultdict(set)
    dead: dict[str, dict[int, int]] = defaultdict(dict)
    rows = _rows(
        tx,
        "SELECT listener, status, payload ->> '$.said.number', attempts FROM deliveries "
        "JOIN event_log ON event_log.seq = deliveries.seq WHERE topic = 'arena.bell.rang'",
    )
    for listener, status, number, attempts in rows:
        if status == "dead":
            dead[_name(listener)][number] = attempts
        else:
            waiting[_name(listener)].add(number)
    return waiting, dead


def places(tx: Unit) -> dict[str, int]:
    """How many of the events each listener's place is behind or at."""
    passed = "SELECT COUNT(*) FROM event_log WHERE topic = 'arena.bell.rang' AND event_log.seq <= event_cursors.seq"
    rows = _rows(tx, f"SELECT listener, ({passed}) FROM event_cursors")  # noqa: S608 - our own words
    return {_name(listener): count for listener, count in rows}


def _name(listener: str) -> str:
    return listener.rpartition("/")[2]
