"""The engine dies between any two moments of a run, and a new one goes on from the journal."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.modules.plans.test_runs import statuses, tool, wait
from tests.modules.plans.world import World, running_world
from tests.support.engines import on_postgres, on_sqlite

from vivesphere.contracts.plans import RunAccepted, StartRun
from vivesphere.contracts.tools import RunTool, ToolResult
from vivesphere.kernel import principals
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.modules.plans import rules

pytestmark = pytest.mark.usefixtures("engine")

EXAMPLES = settings.default.max_examples // 4 if settings.default else 25
"""Each opens a database: fewer than elsewhere, but more when `make soak` asks for more. Fewer still on PostgreSQL, where
each takes longer."""

# The fixture only says which database it is, and that stays the same from example to example.
few = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
fewer = settings(few, max_examples=EXAMPLES // 5)

PLANS = principals.module("plans")


class Fuse:
    """Burns down by one at every moment it is told of; at zero the process is dead: nothing goes on from there."""

    def __init__(self, moments: int) -> None:
        self.left = moments
        self.dead = asyncio.Event()

    async def burn(self, _moment: str = "") -> None:
        self.left -= 1
        if self.left < 0:
            self.dead.set()
            await asyncio.Event().wait()


class Journal(DatabaseHandle):
    """The database of an engine that may die after any transition it has written."""

    __slots__ = ("fuse",)
    fuse: Fuse

    @classmethod
    def until(cls, world: World, fuse: Fuse) -> "Journal":
        handle = world.database.handle(PLANS)
        made = cls(handle.principal, handle._engine, handle._loop)
        made.fuse = fuse
        return made

    async def write(self, rule: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = await super().write(rule, *args, **kwargs)
        if rule in (rules.record, rules.start_run):
            await self.fuse.burn()
        return result


@st.composite
def plans(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to six steps, each after any of those before it in the list."""
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        name = f"s{number}"
        step = draw(
            st.sampled_from(
                [
                    tool(name, "world.write", what=name),
                    tool(name, "text.echo", said=name),
                    {"id": name, "kind": "message", "bot": "b", "channel": "c", "text": name},
                    wait(name, 5),
                ]
            )
        )
        linked: bool = draw(st.booleans())
        if steps and linked:
            earlier = [each["id"] for each in steps]
            step = {**step, "after": draw(st.lists(st.sampled_from(earlier), unique=True))}
        steps.append(step)
    return steps


async def carried_out(world: World, died: asyncio.Event) -> bool:
    """Let time pass until the run is over or blocked, or the process is dead. Whether it is not dead."""
    async with asyncio.timeout(20):
        while not died.is_set():
            if any(each.topic in ("plans.run.completed", "plans.run.blocked") for each in world.events):
                return True
            if any(not wake.done() for _, _, wake in world.clock._sleepers):
                await world.clock.advance(1)
            await asyncio.sleep(0)
    return False


async def start(world: World, fuse: Fuse, steps: list[dict[str, Any]]) -> None:
    """Start a run, even if the process dies before it can answer."""
    request = StartRun(plan_id=await world.plan(*steps))
    asking = asyncio.ensure_future(world.bus.module("triggers").request(request))
    dead = asyncio.ensure_future(fuse.dead.wait())
    await asyncio.wait([asking, dead], return_when=asyncio.FIRST_COMPLETED)
    dead.cancel()
    if asking.done():
        assert isinstance(asking.result(), RunAccepted)
    asking.cancel()


async def rise(world: World, fuse: Fuse) -> None:
    """A new process on the same database."""
    await world.stop()
    world.clock._sleepers.clear()
    world.tools.interrupt = fuse.burn
    await world.start(Journal.until(world, fuse))


@on_sqlite
@given(steps=plans(), moments=st.integers(0, 14))
@few
def test_no_transition_is_a_bad_moment_to_die(steps: list[dict[str, Any]], moments: int) -> None:
    asyncio.run(die_after_a_transition(steps, moments))


@on_postgres
@given(steps=plans(), moments=st.integers(0, 14))
@fewer
def test_no_transition_is_a_bad_moment_to_die_on_postgresql(steps: list[dict[str, Any]], moments: int) -> None:
    asyncio.run(die_after_a_transition(steps, moments))


async def die_after_a_transition(steps: list[dict[str, Any]], moments: int) -> None:
    async with running_world() as world:
        await rise(world, fuse := Fuse(moments))
        world.tools.interrupt = None
        await start(world, fuse, steps)
        if not await carried_out(world, fuse.dead):
            await rise(world, Fuse(1_000_000))
            assert await carried_out(world, asyncio.Event())
        (run,) = await all_runs(world)
        assert run["status"] == "completed"
        assert set(statuses(run).values()) == {"completed"}
        assert {step["attempts"] for step in run["steps"]} == {1}
        written = [step["id"] for step in steps if step.get("tool") == "world.write"]
        assert world.gate.acts == dict.fromkeys(written, 1)
        assert len(world.bots.queued) == sum(step["kind"] == "message" for step in steps)


@on_sqlite
@given(steps=plans(), moments=st.integers(0, 30))
@few
def test_whenever_it_dies_nothing_is_done_twice(steps: list[dict[str, Any]], moments: int) -> None:
    asyncio.run(die_anywhere(steps, moments))


@on_postgres
@given(steps=plans(), moments=st.integers(0, 30))
@fewer
def test_whenever_it_dies_nothing_is_done_twice_on_postgresql(steps: list[dict[str, Any]], moments: int) -> None:
    asyncio.run(die_anywhere(steps, moments))


async def die_anywhere(steps: list[dict[str, Any]], moments: int) -> None:
    """Also in the middle of an act, where only the gate can know: then a person looks, and says what happened."""
    async with running_world() as world:
        await rise(world, fuse := Fuse(moments))
        await start(world, fuse, steps)
        if not await carried_out(world, fuse.dead):
            await rise(world, Fuse(1_000_000))
            assert await carried_out(world, asyncio.Event())
        (run,) = await all_runs(world)
        for step in run["steps"]:
            if step["status"] == "unknown":
                assert run["status"] == "blocked"
                outcome = "happened" if world.gate.acts[step["id"]] else "retry"
                url = f"/api/v1/runs/{run['id']}/steps/{step['id']}/resolve"
                world.events.clear()
                assert (await world.client.post(url, json={"outcome": outcome})).status_code == 200
                assert await carried_out(world, asyncio.Event())
        (run,) = await all_runs(world)
        assert run["status"] == "completed"
        written = [step["id"] for step in steps if step.get("tool") == "world.write"]
        assert world.gate.acts == dict.fromkeys(written, 1)
        assert len(world.bots.queued) == sum(step["kind"] == "message" for step in steps)


async def all_runs(world: World) -> list[dict[str, Any]]:
    plans = (await world.client.get("/api/v1/plans")).json()["items"]
    runs = [await world.client.get(f"/api/v1/plans/{plan['id']}/runs") for plan in plans]
    return [await world.shown(run["id"]) for answer in runs for run in answer.json()["items"]]


async def test_only_the_rest_of_a_wait_is_waited_for(world: World) -> None:
    run_id = await world.run(wait("pause", 60), tool("then"))
    await world.asleep()
    await world.clock.advance(50)
    await world.stop()
    await world.start()
    await world.asleep()
    await world.clock.advance(9)
    assert (await world.shown(run_id))["status"] == "waiting"
    await world.clock.advance(1)
    assert (await world.ended(run_id))["status"] == "completed"


async def test_a_wait_that_passed_while_the_server_was_down_is_over(world: World) -> None:
    run_id = await world.run(wait("pause", 60), tool("then"))
    await world.asleep()
    await world.stop()
    await world.clock.advance(3600)
    await world.start()
    assert (await world.ended(run_id))["status"] == "completed"


class Failing(Journal):
    """A database that cannot be written for a while."""

    __slots__ = ("failures",)
    failures: int

    async def write(self, rule: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if rule is rules.record and self.failures > 0:
            self.failures -= 1
            raise DatabaseUnavailable("the disk is full")
        return await super().write(rule, *args, **kwargs)


async def test_a_run_outlives_a_full_disk(world: World) -> None:
    await world.stop()
    handle = Failing.until(world, Fuse(1_000_000))
    assert isinstance(handle, Failing)
    handle.failures = 2
    await world.start(handle)
    run_id = await world.run(tool("one", "world.write", what="one"))
    await world.asleep()
    assert world.started.services.health()["plans"].status == "degraded"
    await world.clock.advance(1)
    await world.asleep()
    await world.clock.advance(2)
    assert (await world.ended(run_id))["status"] == "completed"
    assert world.gate.acts == {"one": 1}
    await asyncio.sleep(0)
    assert world.started.services.health()["plans"].status == "ok"


async def test_only_so_many_runs_act_at_once(world: World) -> None:
    await world.stop()
    world.environ["VIVESPHERE_PLANS_CONCURRENT_RUNS"] = "1"
    await world.start()
    first, go = asyncio.Event(), asyncio.Event()

    async def slow(asked: RunTool) -> ToolResult:
        first.set()
        await go.wait()
        return ToolResult(result=None, duration_ms=1)

    world.tools.answers["net.slow"] = slow
    slow_run = await world.run(tool("a", "net.slow"))
    await first.wait()
    other = await world.run(tool("b"))
    assert [asked.tool for asked, _ in world.tools.asked] == ["net.slow"]
    go.set()
    assert (await world.ended(slow_run))["status"] == "completed"
    assert (await world.ended(other))["status"] == "completed"
