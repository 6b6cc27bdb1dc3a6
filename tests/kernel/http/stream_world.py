"""A stream on a real event log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.bus import BusForTests
from tests.support.database import open_database
from tests.support.http import HttpForTests, http_for
from tests.support.sockets import connect

from vivesphere.kernel import principals
from vivesphere.kernel.bus.log import EventHistory
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.log_extent import LogExtent
from vivesphere.kernel.db.log_topics import log
from vivesphere.kernel.principals import SYSTEM, Principal

PATH = "/api/v1/stream"
THINGS = principals.module("things")


class Counted(Event, durable=True):
    topic = "things.number.counted"
    number: int


class Lettered(Event, durable=True):
    topic = "things.letter.written"
    permission = "bots.bot.read"
    letter: str


class Guarded(Event, durable=True):
    topic = "things.safe.opened"
    permission = "secrets.secret.read"


class Whispered(Event, durable=True):
    topic = "things.ear.whispered"
    to: str

    def addressee(self) -> Principal:
        return principals.user(self.to)


class Ticked(Event):
    topic = "things.clock.ticked"


class Log:
    """The history, held back while `reading` is not set, and away while `away`."""

    def __init__(self, history: EventHistory) -> None:
        self._history = history
        self.reading = asyncio.Event()
        self.reading.set()
        self.asked = asyncio.Event()
        self.away = False

    async def extent(self) -> LogExtent:
        self._check()
        return await self._history.extent()

    async def after(self, seq: int, query: HistoryQuery, limit: int = 500) -> Sequence[RecordedEvent]:
        found = await self._history.after(seq, query, limit)
        self.asked.set()
        await self.reading.wait()
        self._check()
        return found

    def _check(self) -> None:
        if self.away:
            raise DatabaseUnavailable("the disk is gone")


@dataclass
class StreamWorld:
    http: HttpForTests
    database: Database
    log: Log

    async def say(self, *events: Event) -> None:
        with acting_under(Cause(source=THINGS, actor=THINGS)):
            await self.database.handle(THINGS).write(_emit, *events)

    async def count(self, first: int, last: int) -> None:
        await self.say(*(Counted(number=number) for number in range(first, last + 1)))

    def connected(self, who: str = "ada") -> Any:
        return connect(self.http.app, PATH, token=who)


def _emit(tx: Unit, *events: Event) -> None:
    for event in events:
        tx.emit(event)


@asynccontextmanager
async def stream_world(tmp_path: Path) -> AsyncIterator[StreamWorld]:
    bus = BusForTests()
    async with open_database(tmp_path, models=(), clock=bus.clock) as database:
        database.hooks.dispatch = bus.bus.dispatch
        held = Log(EventHistory(database.handle(SYSTEM)))
        async with http_for(tmp_path, own=bus, history=held) as http:
            yield StreamWorld(http, database, held)


def delete_up_to(tx: Unit, seq: int) -> None:
    """What retention does."""
    tx.execute(log.delete().where(log.c.seq <= seq))
