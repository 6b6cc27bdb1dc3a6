"""The loop watch: a real loop, really blocked, until the watch has named who blocks it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvloop
from tests.support.bus import BusForTests

from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.events import LoopBlocked
from vivesphere.kernel.loop_watch import NAMED, OTHERS, UNKNOWN, LoopSettings, LoopWatch

DEADLINE = 30.0
LOOPS = pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
HERE = f"{__name__}."


class Rang(Event):
    topic = "doors.bell.rang"


@dataclass
class Time:
    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class World:
    """A watch whose time stands still, and whose thread looks when the test says so."""

    place: Path
    time: Time = field(default_factory=Time)
    told: list[LoopBlocked] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        # The thread waits for a minute before its second look, so that all others are the test's own.
        self.watch = LoopWatch(
            LoopSettings(heartbeat=0.001, blocked_after=60),
            places=[self.place],
            tell=self.told.append,
            observe=self.lag,
            monotonic=self.time.monotonic,
        )
        self.watch.start()
        self.watch.change(LoopSettings(heartbeat=0.001, blocked_after=0.25))

    def lag(self, seconds: float) -> None:
        self.lags.append(seconds)
        self.came.set()

    def look(self) -> float:
        """One look from another thread, while this one, the loop's, waits."""
        answer: list[float] = []
        thread = threading.Thread(target=lambda: answer.append(self.watch.look()))
        thread.start()
        thread.join(DEADLINE)
        return answer[0]

    async def beat(self) -> None:
        self.came.clear()
        await self.came.wait()


def run(
    loop: Callable[[], asyncio.AbstractEventLoop],
    work: Callable[[World], Coroutine[Any, Any, None]],
    place: Path = Path(__file__).parent,
) -> World:
    async def watched() -> World:
        world = World(place)
        try:
            await world.beat()
            await work(world)
        finally:
            world.watch.stop()
        return world

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(watched())


@contextmanager
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@LOOPS
def test_the_listener_and_the_function_are_named_while_they_block(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """With the real clock and the real thread: the listener blocks the loop until the watch has said so."""
    said = threading.Event()

    def blocks_until_named() -> None:
        assert said.wait(DEADLINE)

    async def on_bell(_rang: Envelope[Rang]) -> None:
        blocks_until_named()

    def hear(_logger: Any, _method: str, line: Any) -> Any:
        lines.append(dict(line))
        if blocks_until_named.__name__ in str(line.get("culprit")):
            said.set()
        raise structlog.DropEvent

    async def work() -> None:
        told: asyncio.Queue[LoopBlocked] = asyncio.Queue()
        watch = LoopWatch(
            LoopSettings(heartbeat=0.001, blocked_after=0.05),
            places=[Path(__file__).parent],
            tell=told.put_nowait,
            observe=lambda _: None,
        )
        async with BusForTests() as bus:
            watch.start()
            bus.module("porch").listen(Rang, on_bell, name="porch/bell")
            await bus.module("doors").publish(Rang())
            await bus.bus.settled()
            while "porch/bell" not in (event := await told.get()).culprit:
                pass  # Another program on this machine may have held the loop for a moment before.
            watch.stop()
        assert event.seconds >= 0.05
        assert event.culprit.startswith("bus:porch/bell in ")

    lines: list[dict[str, Any]] = []
    structlog.configure(processors=[hear])
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(work())
    finally:
        structlog.reset_defaults()
    named = [line for line in lines if "porch/bell" in line["culprit"]]
    assert [line["event"] for line in named] == ["loop_blocked", "loop_came_back"]
    assert named[0]["culprit"].endswith("blocks_until_named")
    assert named[0]["place"].startswith(f"{__file__}:")
    assert named[0]["seconds"] <= named[1]["seconds"]


@LOOPS
def test_one_block_is_named_once_counted_once_and_told_with_its_whole_length(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    looks: list[float] = []

    async def work(world: World) -> None:
        world.time.now += 0.1
        looks.append(world.look())
        world.time.now += 0.2
        looks.append(world.look())
        world.time.now += 2.0
        looks.append(world.look())
        await world.beat()

    with logged() as lines:
        world = run(loop, work)
    culprit = f"{HERE}World.look"  # The innermost frame of ours is the one that waits for the thread.
    assert looks == pytest.approx([0.151, 0.25, 0.25])
    assert [(line["event"], line["culprit"], line["seconds"]) for line in lines] == [
        ("loop_blocked", culprit, pytest.approx(0.299)),
        ("loop_came_back", culprit, pytest.approx(2.299)),
    ]
    assert world.told == [LoopBlocked(seconds=2.299, culprit=culprit)]
    assert world.watch.by_culprit == {culprit: 1}
    counts = world.watch.statistics()
    assert (counts.worst_ms, counts.blocked, counts.culprit) == (2299.0, 1, culprit)
    assert max(world.lags) == pytest.approx(2.299)


@LOOPS
def test_a_loop_that_waits_for_work_is_nobodys_fault(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """As after the process was suspended: late, and nothing runs."""

    async def work(world: World) -> None:
        def look_at_the_loop_at_rest() -> None:
            while world.watch._stack():
                pass
            world.time.now += 5.0
            world.watch.look()

        world.watch.change(LoopSettings(heartbeat=0.05, blocked_after=0.25))
        await world.beat()
        await asyncio.to_thread(look_at_the_loop_at_rest)
        await world.beat()

    with logged() as lines:
        world = run(loop, work)
    assert [(line["event"], line["culprit"]) for line in lines] == [("loop_came_back", UNKNOWN)]
    assert world.watch.by_culprit == {UNKNOWN: 1}


def test_what_was_over_before_anybody_looked_is_counted() -> None:
    async def work(world: World) -> None:
        world.time.now += 0.3
        await world.beat()

    world = run(asyncio.new_event_loop, work)
    assert world.told == [LoopBlocked(seconds=0.299, culprit=UNKNOWN)]


def test_it_is_told_at_most_once_a_second_and_counted_each_time() -> None:
    async def work(world: World) -> None:
        for _ in range(4):
            world.time.now += 0.4
            await world.beat()

    world = run(asyncio.new_event_loop, work)
    assert len(world.told) == 2
    assert world.watch.statistics().blocked == 4


def test_without_a_frame_of_ours_the_innermost_is_named() -> None:
    async def work(world: World) -> None:
        world.time.now += 1.0
        world.look()
        await world.beat()

    world = run(asyncio.new_event_loop, work, Path("/nowhere"))
    assert [event.culprit.partition(".")[0] for event in world.told] == ["threading"]


def test_a_culprit_beyond_the_cap_is_counted_with_the_others() -> None:
    async def work(world: World) -> None:
        world.watch.by_culprit.update({f"function {number}": 1 for number in range(NAMED)})
        for _ in range(2):
            world.time.now += 0.4
            await world.beat()

    world = run(asyncio.new_event_loop, work)
    assert len(world.watch.by_culprit) == NAMED + 1
    assert world.watch.by_culprit[OTHERS] == 2


def test_nothing_is_left_when_it_stops() -> None:
    async def work(world: World) -> None:
        assert world.watch._thread.is_alive()
        world.watch.stop()
        assert not world.watch._thread.is_alive()
        world.lags.clear()
        for _ in range(10):
            await asyncio.sleep(0)
        assert world.lags == []

    run(asyncio.new_event_loop, work)


def test_it_goes_on_after_telling_has_failed() -> None:
    def refuse(_blocked: LoopBlocked) -> None:
        raise RuntimeError("nobody may be told")

    async def work() -> list[str]:
        failed: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(str(context["exception"])))
        time, beaten = Time(), asyncio.Event()
        watch = LoopWatch(
            LoopSettings(heartbeat=0.001, blocked_after=0.25),
            places=[],
            tell=refuse,
            observe=lambda _: beaten.set(),
            monotonic=time.monotonic,
        )
        watch.start()
        time.now += 1.0
        for _ in range(3):
            beaten.clear()
            await beaten.wait()
        watch.stop()
        return failed

    assert asyncio.run(work()) == ["nobody may be told"]
