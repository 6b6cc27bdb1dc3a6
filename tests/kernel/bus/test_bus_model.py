"""Subscribe, unsubscribe, publish, crash, resume, in any order: the bus owes what `model.py` says, on a real database."""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule
from structlog.testing import capture_logs
from tests.kernel.bus.model import POISON, Kind, LiveListener, Log, Said, Start, check_effects
from tests.kernel.bus.model_server import (
    KEYS,
    DurableEar,
    Glanced,
    LiveEar,
    Rang,
    Server,
    empty_database,
    ids_by_number,
    key_of,
    landed_events,
    places,
    put_aside,
    recorded,
    snapshot,
    written_effects,
)
from tests.support.clock import FakeClock, settle

from vivesphere.kernel.bus.topics import matches
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.db.location import SqlitePlace

EXAMPLES = settings.default.max_examples // 2 if settings.default else 50
"""Each opens a database: fewer than elsewhere, but more when `make soak` asks for more."""

PATIENCE = 20.0
"""Seconds until the database's threads must have answered."""

KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="plain"),
        Kind(name="careless", once=False, max_deliver=3),
        Kind(name="laned", lanes=3, max_deliver=3),
        Kind(name="ordered", ordered=True),
        Kind(name="orderly", ordered=True, lanes=2),
    )
}
FAILS = (0, 0, 0, 1, 2, POISON)
PATTERNS = ("arena.glanced", "arena.*", "arena.>", "arena.bell.rang", "arena.bell.*")


class BusAndModel(RuleBasedStateMachine):
    """Every rule leaves the loop settled, so that what a live listener has heard can be said exactly at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.held = ExitStack()
        self.folder = Path(self.held.enter_context(tempfile.TemporaryDirectory()))
        # A traceback for each failure that was asked for would take longer than all the rest.
        self.held.enter_context(capture_logs())
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.lives = 0
        self.log = Log()
        self.numbers = 0
        self.deaf: list[tuple[DurableEar | LiveEar, int]] = []
        self._start(empty_database())

    live_listeners = Bundle("live_listeners")

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def patiently() -> Any:
            async with asyncio.timeout(PATIENCE):
                result = await work
                await settle()
            for live in self.server.live:
                live.expected.settle()
            return result

        return self.runner.run(patiently())

    @initialize(names=st.sets(st.sampled_from(sorted(KINDS)), min_size=1))
    def begin(self, names: set[str]) -> None:
        for name in sorted(names):
            self.follow(name, "now", 0)

    def _start(self, content: bytes) -> None:
        self.lives += 1
        file = self.folder / f"{self.lives}.db"
        file.write_bytes(content)

        async def open_server() -> Server:
            return Server(await Database.open(SqlitePlace(file), clock=self.clock), self.clock)

        self.file = file
        self.server = self.runner.run(open_server())

    def _said(self, key: int, fails: int = 0) -> Said:
        self.numbers += 1
        return Said(self.numbers, key, fails)

    # Live listeners.

    @rule(
        target=live_listeners,
        pattern=st.sampled_from(PATTERNS),
        lanes=st.integers(1, 3),
        room=st.integers(1, 3),
        drop_oldest=st.booleans(),
    )
    def subscribe(self, pattern: str, lanes: int, room: int, drop_oldest: bool) -> LiveEar:
        expected = LiveListener(pattern, lanes * room, lanes, drop_oldest=drop_oldest)
        ear = LiveEar(expected)

        async def listen() -> None:
            ear.subscription = self.server.bus.module("hall").listen(
                pattern,
                ear.hear,
                capacity=lanes * room,
                overflow="drop_oldest" if drop_oldest else "drop_newest",
                key=key_of if lanes > 1 else None,
                lanes=lanes,
            )

        self.server.live.append(ear)
        self.run(listen())
        return ear

    @rule(ear=consumes(live_listeners))
    def unsubscribe(self, ear: LiveEar) -> None:
        """A listener of an earlier life has gone with it."""
        if ear not in self.server.live:
            return

        async def leave() -> None:
            assert ear.subscription is not None
            ear.subscription.close()

        self.server.live.remove(ear)
        self.run(leave())
        ear.gate.set()
        self._deafen(ear)

    @rule(ear=live_listeners)
    def hold_or_release(self, ear: LiveEar) -> None:
        ear.expected.held = not ear.expected.held
        (ear.gate.clear if ear.expected.held else ear.gate.set)()
        self.run(settle())

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=12))
    def glance(self, keys: list[int]) -> None:
        """A burst: nobody's handler runs before the last of it is published."""
        burst = [self._said(key) for key in keys]

        async def publish() -> None:
            for said in burst:
                await self.server.arena.publish(Glanced(said=said))

        for said in burst:
            self._offer(Glanced.topic, said)
        self.run(publish())

    def _offer(self, topic: str, said: Said) -> None:
        for live in self.server.live:
            if matches(live.expected.pattern, topic):
                live.expected.lane(said).offer(said)

    # Durable listeners.

    @rule(batch=st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(FAILS)), min_size=1, max_size=6))
    def ring(self, batch: list[tuple[int, int]]) -> None:
        for key, fails in batch:
            said = self._said(key, fails)
            self._offer(Rang.topic, said)
            self.run(self.server.arena.publish(Rang(said=said)))
            self.log.recorded.append(said)

    @rule(name=st.sampled_from(sorted(KINDS)), start=st.sampled_from(("now", "beginning", "event")), place=st.integers(0, 99))
    def follow(self, name: str, start: str, place: int) -> None:
        if name in self.server.durable:
            return
        wanted: Start = "now" if start == "now" else "beginning"
        if start == "event" and self.log.recorded:
            wanted = self.log.recorded[place % len(self.log.recorded)].number
        ear = DurableEar(KINDS[name], self.server)

        async def listen() -> None:
            ids = await self.server.system.read(ids_by_number)
            ear.open(ids[wanted] if isinstance(wanted, int) else wanted)
            await ear.drained()

        self.run(listen())
        self.server.durable[name] = ear
        self.log.open(name, wanted)

    @precondition(lambda self: self.server.durable)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        ear = self.server.durable.pop(data.draw(st.sampled_from(sorted(self.server.durable))))
        self.run(ear.lifetime.close())
        ear.release()
        self._deafen(ear)

    @precondition(lambda self: self.server.durable)
    @rule(data=st.data(), where=st.sampled_from(("before", "after")), key=st.sampled_from(KEYS))
    def hold(self, data: st.DataObject, where: str, key: int) -> None:
        self.server.durable[data.draw(st.sampled_from(sorted(self.server.durable)))].gates[where, key].clear()

    @rule(seconds=st.sampled_from((0.5, 1.0, 5.0)))
    def wait(self, seconds: float) -> None:
        self.run(self.clock.advance(seconds))

    @rule(turns=st.integers(1, 200))
    def let_run(self, turns: int) -> None:
        self.run(settle(turns))

    @rule(keys=st.lists(st.sampled_from(KEYS), max_size=5), turns=st.integers(0, 50))
    def crash(self, keys: list[int], turns: int) -> None:
        """What is on disk at this moment, in the middle of publishing, is all that is left. Nobody is asked to close."""
        burst = [self._said(key) for key in keys]

        async def publish() -> list[asyncio.Task[None]]:
            tasks = [asyncio.create_task(self.server.arena.publish(Rang(said=said))) for said in burst]
            await settle(turns)
            return tasks

        tasks = self.runner.run(publish())
        promised = [said for said, task in zip(burst, tasks, strict=True) if task.done()]
        # The loop stands still from here on, and the writer's thread may finish what it holds, or not in time.
        left = snapshot(self.file)
        self.runner.run(self._bury(self.server, tasks))
        self._start(left)
        found = self.run(self.server.system.read(recorded))
        before = len(self.log.recorded)
        assert found[:before] == self.log.recorded
        assert set(promised) <= set(found[before:]) <= set(burst)
        self.log.recorded = found

    async def _bury(self, server: Server, publishing: list[asyncio.Task[None]]) -> None:
        ears: list[DurableEar | LiveEar] = [*server.durable.values(), *server.live]
        for ear in ears:
            self._deafen(ear)
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *publishing, return_exceptions=True)
        await server.database.close()

    def _deafen(self, ear: DurableEar | LiveEar) -> None:
        """Remember that it shall hear nothing any more."""
        self.deaf.append((ear, _count(ear)))

    # What must be so.

    @invariant()
    def live_listeners_have_heard_what_they_should(self) -> None:
        for live in self.server.live:
            assert live.heard == live.expected.heard
            assert live.subscription is not None
            assert live.subscription.dropped == live.expected.dropped

    @invariant()
    def who_has_gone_hears_nothing(self) -> None:
        assert [_count(ear) for ear, _ in self.deaf] == [count for _, count in self.deaf]

    @precondition(lambda self: self.server.durable)
    @rule()
    def settle_up(self) -> None:
        """Everybody is let go and time passes: whoever listens has handled what it is owed."""
        for ear in self.server.durable.values():
            ear.release()
        self.run(self._until_nothing_waits())
        written = self.run(self.server.system.read(written_effects))
        landed = self.run(self.server.system.read(landed_events))
        waiting, dead = self.run(self.server.system.read(put_aside))
        cursors = self.run(self.server.system.read(places))
        for name, ear in self.server.durable.items():
            check_effects(ear.kind, self.log, written[name])
            assert sorted(landed[name]) == sorted(said.number for said in written[name])
            assert dead[name] == {said.number: ear.kind.max_deliver for said in self.log.buried(ear.kind)}
            assert not waiting[name]
            assert cursors[name] >= len(self.log.recorded), name

    async def _until_nothing_waits(self) -> None:
        names = self.server.durable.keys()
        while True:
            for ear in self.server.durable.values():
                await ear.drained()
            waiting, _ = await self.server.system.read(put_aside)
            if not any(waiting[name] for name in names):
                return
            await self.clock.advance(300.0)

    def teardown(self) -> None:
        try:
            for name in self.log.since:
                self.follow(name, "now", 0)
            if self.server.durable:
                self.settle_up()
        finally:
            self.runner.run(self.server.close())
            self.runner.close()
            self.held.close()


def _count(ear: DurableEar | LiveEar) -> int:
    return len(ear.called) if isinstance(ear, DurableEar) else sum(map(len, ear.heard))


BusAndModel.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
TestBusAndModel = BusAndModel.TestCase
