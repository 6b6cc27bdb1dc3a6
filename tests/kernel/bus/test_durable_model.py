"""Durable listeners through random lives: they fail, die at any moment, and persons retry, drop and replay, on a real database.

Whatever happens: every event is handled at least once, what the handler writes in its acknowledging unit is written exactly
once (and once more for each replay), order holds per key, and the cursor never passes an event that is not settled.
"""

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.bus.test_durable import NAME, World, let_in, world

from vivesphere.kernel.bus.durable import LONGEST_DELAY, Delivery
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.db import deliveries
from vivesphere.kernel.db.event_log import HistoryQuery
from vivesphere.kernel.db.handle import Unit

KEYS = 5
MAX_DELIVER = 3
GIVEN_UP = 99
REPLAYED = 100_000
"""Added to an event's number where a replay of it has written."""

Step = tuple[Any, ...]

_rings = st.tuples(
    st.just("ring"),
    st.lists(
        st.tuples(
            st.integers(0, KEYS - 1),
            st.sampled_from((0, 0, 0, 1, 2, GIVEN_UP)),
            st.sampled_from((None, None, None, None, "before", "after")),
        ),
        min_size=1,
        max_size=6,
    ),
)
_steps = st.lists(
    st.one_of(
        _rings,
        _rings,
        st.just(("crash",)),
        st.tuples(st.just("advance"), st.sampled_from((0.5, 1.0, 3.0, 20.0))),
        st.just(("idle",)),
        st.just(("retry",)),
        st.just(("drop",)),
        st.tuples(st.just("replay"), st.integers(1, 10)),
    ),
    max_size=14,
)


class Life:
    """One database and the lives of a listener on it. `fails` and `dies` say what is still to go wrong with a number."""

    def __init__(self, test: World, options: dict[str, Any]) -> None:
        self.test = test
        self.options = options
        self.redelivery = Redelivery(test.system, test.running)
        self.fails: dict[int, int] = {}
        self.dies: dict[int, str] = {}
        self.rung: list[int] = []
        self.called: list[int] = []
        self.dropped: set[int] = set()
        self.replays: Counter[int] = Counter()
        self.dying = asyncio.Event()
        test.handler = self.handle

    async def handle(self, delivery: Delivery[Any]) -> None:
        number = delivery.event.number
        if not delivery.replayed:
            self.called.append(number)
        if self.fails.get(number, 0) > 0:
            self.fails[number] -= 1
            raise ValueError("not this time")
        await self._die(number, "before")
        written = number + REPLAYED if delivery.replayed else number
        await self.test.hall.acknowledge(delivery.acknowledgement, let_in, written)
        await self._die(number, "after")

    async def _die(self, number: int, when: str) -> None:
        if self.dies.get(number) == when:
            del self.dies[number]
            self.dying.set()
            await asyncio.Event().wait()

    async def live(self, steps: list[Step]) -> None:
        self.start()
        await self.idle()
        for name, *arguments in steps:
            step: Callable[..., Awaitable[None]] = getattr(self, name)
            await step(*arguments)
            await self.check_cursor()
        await self.end_well()

    def start(self) -> None:
        self.test.start(max_deliver=MAX_DELIVER, **self.options)

    async def crash(self) -> None:
        await self.test.kill()
        self.dying.clear()
        self.start()

    async def idle(self) -> None:
        """Until nothing happens any more; one that is dying is dead then, and another has come."""
        while True:
            assert self.test.listener is not None
            waits = [asyncio.ensure_future(self.test.listener.drained()), asyncio.ensure_future(self.dying.wait())]
            try:
                async with asyncio.timeout(10):
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if not self.dying.is_set():
                return
            await self.crash()

    async def ring(self, events: list[tuple[int, int, str | None]]) -> None:
        numbers = []
        for key, fails, dies in events:
            # From 20 on: the world keeps 13 from the listener.
            number = KEYS * (len(self.rung) + 4) + key
            self.fails[number] = fails
            if dies is not None:
                self.dies[number] = dies
            self.rung.append(number)
            numbers.append(number)
        await self.test.ring_together(*numbers)

    async def advance(self, seconds: float) -> None:
        await self.idle()
        await self.test.clock.advance(seconds)

    async def retry(self, letters: int = 2) -> None:
        for letter in (await self.redelivery.dead_letters())[:letters]:
            self.fails[letter.event.payload["number"]] = 0
            assert await self.redelivery.retry([letter.id]) == 1

    async def drop(self) -> None:
        for letter in (await self.redelivery.dead_letters())[:1]:
            number = letter.event.payload["number"]
            row = (await self.disk())[1][letter.event.seq]
            assert await self.redelivery.drop([letter.id]) == 1
            if row.replay:
                self.replays[number] -= 1
            else:
                self.dropped.add(number)

    async def replay(self, count: int) -> None:
        """The oldest events."""
        await self.idle()
        cursor, rows = await self.disk()
        taken = [seq for seq in range(1, min(count, cursor) + 1) if seq not in rows]
        retried = [seq for seq in range(1, min(count, cursor) + 1) if seq in rows and rows[seq].status == "dead"]
        done = await self.redelivery.replay(HistoryQuery(before=count + 1), NAME, dry_run=False)
        assert done.queued == len(taken) + len(retried)
        self.replays.update(self.rung[seq - 1] for seq in taken)

    async def disk(self) -> tuple[int, dict[int, Any]]:
        """The cursor, and what stands beside it, as of one moment."""

        def look(tx: Unit) -> tuple[int, dict[int, Any]]:
            cursor = tx.execute(sa.select(deliveries.cursors.c.seq)).scalar_one()
            return int(cursor), {row.seq: row for row in tx.execute(sa.select(deliveries.deliveries))}

        return await self.test.system.read(look)

    async def written(self) -> list[int]:
        """What the handler has written, in the order of the commits."""
        ordered = sa.text("SELECT number FROM guests ORDER BY rowid")
        return list(await self.test.hall.read(lambda tx: tx.execute(ordered).scalars().all()))

    async def check_cursor(self) -> None:
        """Read in this order: what is written meanwhile is then settled all the more."""
        cursor, rows = await self.disk()
        settled = {*await self.written(), *self.dropped}
        for place, number in enumerate(self.rung, 1):
            aside = place in rows and rows[place].status in ("waiting", "dead")
            assert number in settled or place > cursor or aside, (number, cursor, rows)

    async def end_well(self) -> None:
        """Nothing fails any more, persons retry everything, and time passes: then nothing is owed."""
        self.fails.clear()
        self.dies.clear()
        await self.idle()
        await self.retry(letters=1000)
        await self.idle()
        while any(row.status == "waiting" for row in (await self.disk())[1].values()):
            await self.test.clock.advance(LONGEST_DELAY)
            await self.idle()
        assert await self.disk() == (len(self.rung), {})
        assert set(self.called) == set(self.rung)
        await self.check_written()

    async def check_written(self) -> None:
        written = await self.written()
        live = [number for number in written if number < REPLAYED]
        assert Counter(live) == Counter(number for number in self.rung if number not in self.dropped)
        assert Counter(number - REPLAYED for number in written if number >= REPLAYED) == +self.replays
        # A failed event comes after the next one, unless the listener is ordered; but first they all come in their order.
        told = live if self.options.get("ordered") else list(dict.fromkeys(self.called))
        by_key: defaultdict[int, list[int]] = defaultdict(list)
        for number in told:
            by_key[number % KEYS].append(number)
        assert all(numbers == sorted(numbers) for numbers in by_key.values()), told


def _key(envelope: Envelope[Any]) -> int:
    return int(envelope.payload.number) % KEYS


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("lanes", [1, 4])
@settings(max_examples=25, deadline=None)
@given(steps=_steps)
def test_whatever_happens_each_event_is_written_once(lanes: int, ordered: bool, steps: list[Step]) -> None:
    async def live(folder: Path) -> None:
        async with world(folder) as test:
            await Life(test, {"lanes": lanes, "key": _key, "ordered": ordered}).live(steps)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder)))
