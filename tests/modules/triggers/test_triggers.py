"""Triggers over HTTP, and what they do when their time comes."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.modules.triggers.world import EVERY_HOUR, NOON, World
from tests.support.clock import settle

from vivesphere.contracts.tools import ToolFailed, ToolRefused
from vivesphere.contracts.triggers import CreateTrigger, TriggerMade, TriggerRefused
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted, RequestTimeout
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.modules.triggers import rules

pytestmark = pytest.mark.usefixtures("engine")

TOOL = {"kind": "tool", "tool": "text.echo", "arguments": {"a": 1}}


async def test_a_trigger_starts_its_plan_when_it_is_due(world: World) -> None:
    made = await world.trigger(action={"kind": "plan", "plan_id": "p1", "input": {"n": 1}})
    assert (made["kind"], made["enabled"], made["next_fire_at"]) == ("schedule", True, "2026-01-05T13:00:00Z")
    assert made["schedule"] == {"cron": "0 * * * *", "timezone": "UTC"}
    await world.pass_until(NOON + timedelta(minutes=59))
    assert not world.neighbours.started
    await world.pass_until(NOON + timedelta(hours=2))
    assert await world.firings(2) == [{"outcome": "started", "detail": ""}] * 2
    (first, cause), (second, _) = world.neighbours.started
    earlier = (await world.ask("GET", f"{made['id']}/firings"))["items"][1]
    assert first.idempotency_key == f"trigger:{made['id']}:{earlier['id']}"
    assert (first.input, second.event) == (
        {"n": 1},
        {
            "kind": "schedule",
            "trigger_id": made["id"],
            "trigger": "t",
            "cause": "schedule",
            "scheduled_for": "2026-01-05T14:00:00+00:00",
        },
    )
    assert (cause.actor, cause.project, cause.hop) == (principals.user("ada"), "default", 0)
    shown = await world.ask("GET", made["id"])
    assert (shown["next_fire_at"], shown["last_fired_at"]) == ("2026-01-05T15:00:00Z", "2026-01-05T14:00:00Z")
    newest, oldest = (await world.ask("GET", f"{made['id']}/firings"))["items"]
    assert (oldest["at"], oldest["cause"], oldest["outcome"], oldest["reference"]) == (
        "2026-01-05T13:00:00Z",
        "schedule",
        "started",
        "run 0",
    )
    assert newest["reference"] == "run 1"


async def test_each_firing_begins_a_chain_of_its_own(world: World) -> None:
    await world.trigger()
    await world.pass_until(NOON + timedelta(hours=2))
    await world.firings(2)
    assert len({cause.correlation_id for _, cause in world.neighbours.started}) == 2


async def test_a_trigger_runs_a_tool(world: World) -> None:
    made = await world.trigger(action=TOOL)
    await world.pass_until(NOON + timedelta(hours=1))
    await world.firings(1)
    ((asked, _),) = world.neighbours.tools
    assert (asked.tool, asked.arguments) == ("text.echo", {"a": 1})
    assert asked.idempotency_key is not None
    assert made["action"] == TOOL


@pytest.mark.parametrize(
    ("reply", "outcome", "detail"),
    [
        (ToolRefused(reason="not_permitted", detail="user:ada lacks it"), "refused", "user:ada lacks it"),
        (ToolFailed(reason="error", detail="no such file", duration_ms=1), "started", "It failed: no such file"),
        (NotPermitted("user:ada lacks tools.tool.run"), "refused", "user:ada lacks tools.tool.run"),
        (RequestTimeout("late"), "started", "late; it may or may not have acted"),
        (ZeroDivisionError("oh"), "refused", "ZeroDivisionError: oh"),
    ],
)
async def test_what_went_wrong_is_in_the_history(world: World, reply: Any, outcome: str, detail: str) -> None:
    world.neighbours.tool_reply = reply
    made = await world.trigger(action=TOOL)
    await world.pass_until(NOON + timedelta(hours=1))
    assert await world.firings(1) == [{"outcome": outcome, "detail": detail}]
    (firing,) = (await world.ask("GET", f"{made['id']}/firings"))["items"]
    assert (firing["outcome"], firing["reference"], firing["detail"]) == (outcome, "text.echo", detail)


async def test_a_plan_that_is_gone_is_in_the_history_too(world: World) -> None:
    made = await world.trigger()
    world.neighbours.gone = True
    firing = await world.ask("POST", f"{made['id']}/fire")
    assert (firing["outcome"], firing["reference"], firing["detail"]) == ("refused", "p1", "There is no plan p1.")


async def test_fire_now_leaves_the_schedule_as_it_was(world: World) -> None:
    made = await world.trigger(enabled=False)
    assert made["next_fire_at"] is None
    firing = await world.ask("POST", f"{made['id']}/fire")
    assert (firing["cause"], firing["outcome"], firing["reference"], firing["at"]) == (
        "manual",
        "started",
        "run 0",
        "2026-01-05T12:00:00Z",
    )
    await world.ask("POST", f"{made['id']}/fire")
    assert len(world.neighbours.runs) == 2
    shown = await world.ask("GET", made["id"])
    assert (shown["enabled"], shown["next_fire_at"], shown["last_fired_at"]) == (False, None, "2026-01-05T12:00:00Z")


async def test_a_paused_trigger_does_not_fire_and_goes_on_from_now(world: World) -> None:
    made = await world.trigger()
    await world.trigger(schedule={"cron": "*/30 * * * *"})
    paused = await world.ask("POST", f"{made['id']}/pause")
    assert (paused["enabled"], paused["next_fire_at"]) == (False, None)
    await world.pass_until(NOON + timedelta(hours=1, minutes=10))
    assert len(await world.firings(2)) == 2
    resumed = await world.ask("POST", f"{made['id']}/resume")
    assert (resumed["enabled"], resumed["next_fire_at"]) == (True, "2026-01-05T14:00:00Z")
    assert await world.ask("POST", f"{made['id']}/resume") == resumed


async def test_a_clock_that_was_set_back_stops_no_trigger(world: World) -> None:
    """The same moment comes a second time: whoever resumes a trigger then wants it to fire, and its neighbours fire anyway."""
    made = await world.trigger()
    await world.pass_until(NOON + timedelta(hours=1))
    await world.firings(1)
    world.clock._start -= timedelta(minutes=30)
    await world.ask("POST", f"{made['id']}/pause")
    resumed = await world.ask("POST", f"{made['id']}/resume")
    assert resumed["next_fire_at"] == "2026-01-05T13:00:00Z"
    await world.trigger(schedule={"cron": "0 13 * * *"})
    await world.pass_until(NOON + timedelta(hours=1))
    await world.firings(3)


async def test_a_new_trigger_that_is_due_sooner_is_noticed(world: World) -> None:
    await world.trigger(schedule={"cron": "0 0 1 1 *"})
    await world.scheduler_sleeps()
    await world.trigger(schedule={"cron": "* * * * *"})
    await settle(200)
    await world.pass_until(NOON + timedelta(minutes=1))
    assert len(await world.firings(1)) == 1


async def test_what_was_missed_while_the_server_was_down_is_skipped(world: World) -> None:
    made = await world.trigger()
    await world.scheduler_sleeps()
    await world.stop()
    world.clock._sleepers.clear()
    await world.clock.advance(3 * 3600 + 60)
    await world.start()
    assert (await world.ask("GET", made["id"]))["next_fire_at"] == "2026-01-05T16:00:00Z"
    await world.scheduler_sleeps()
    assert not world.fired
    await world.pass_until(NOON + timedelta(hours=4))
    await world.firings(1)


async def test_many_that_are_due_together_all_fire(world: World) -> None:
    for _ in range(rules.AT_ONCE + 3):
        await world.trigger()
    await world.pass_until(NOON + timedelta(hours=1))
    assert len(await world.firings(rules.AT_ONCE + 3)) == rules.AT_ONCE + 3


class Dying(DatabaseHandle):
    """The database of a process that dies right after one rule has been committed."""

    __slots__ = ("dead", "last")
    dead: asyncio.Event
    last: Callable[..., Any]

    async def write(self, rule: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = await super().write(rule, *args, **kwargs)
        if rule is self.last and not self.dead.is_set():
            self.dead.set()
            await asyncio.Event().wait()
        return result


@pytest.mark.parametrize("last", [rules.fire_due, rules.finish])
async def test_a_crash_neither_loses_a_firing_nor_repeats_it(world: World, last: Callable[..., Any]) -> None:
    await world.stop()
    handle = world.database.handle(principals.module("triggers"))
    dying = Dying(handle.principal, handle._engine, handle._loop)
    dying.dead, dying.last = asyncio.Event(), last
    await world.start(dying)
    made = await world.trigger()
    passing = asyncio.ensure_future(world.pass_until(NOON + timedelta(hours=1)))
    await dying.dead.wait()
    passing.cancel()
    await world.stop()
    world.clock._sleepers.clear()
    await world.start()
    await world.firings(1)
    assert len(world.neighbours.runs) == 1
    (firing,) = (await world.ask("GET", f"{made['id']}/firings"))["items"]
    assert firing["outcome"] == "started"


async def test_a_firing_whose_act_was_cut_off_is_asked_for_again_under_the_same_key(world: World) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    world.neighbours.before_run = hang
    await world.trigger()
    await world.pass_until(NOON + timedelta(hours=1))
    await begun.wait()
    await world.stop()
    world.clock._sleepers.clear()
    world.neighbours.before_run = None
    await world.start()
    await world.firings(1)
    first, second = (asked.idempotency_key for asked, _ in world.neighbours.started)
    assert first == second


@pytest.mark.parametrize(
    ("given", "pointer", "detail"),
    [
        ({"action": {"kind": "plan", "plan_id": "p2"}}, "/action/plan_id", "There is no plan p2"),
        (
            {"action": {"kind": "tool", "tool": "text.eco"}},
            "/action/tool",
            "there is no tool 'text.eco'; did you mean text.echo?",
        ),
        ({"action": {"kind": "tool", "tool": "x"}}, "/action/tool", "there is no tool 'x'"),
        ({"schedule": {"cron": "0 8 * * *", "timezone": "Mars"}}, "/schedule/timezone", "'Mars' is not an IANA time zone"),
        ({"schedule": {"cron": "x"}}, "/schedule/cron", "a schedule has five fields"),
        ({"schedule": {"cron": 1}}, "/schedule/cron", "expected str, got int"),
        ({"action": {"kind": "shout"}}, "/action/kind", "invalid value 'shout'"),
        ({"name": " "}, "/name", "expected str matching regex"),
        ({"more": 1}, "/more", "is not a field that is known here"),
    ],
)
async def test_a_trigger_is_checked_when_it_is_saved(world: World, given: dict[str, Any], pointer: str, detail: str) -> None:
    body = {"name": "t", "schedule": EVERY_HOUR, "action": TOOL, **given}
    answer = await world.client.post("/api/v1/triggers", json=body)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(detail)
    assert (await world.client.get("/api/v1/triggers")).json()["items"] == []


async def test_unknown_triggers_and_missing_permissions(world: World) -> None:
    for method, path in [
        ("GET", "no"),
        ("POST", "no/fire"),
        ("POST", "no/pause"),
        ("POST", "no/resume"),
        ("GET", "no/firings"),
    ]:
        answer = await world.client.request(method, f"/api/v1/triggers/{path}")
        assert answer.status_code == 404, path
        assert answer.json()["detail"].startswith("There is no trigger no in this project")
    made = await world.trigger()
    async with world.started.client("vic") as vic:
        assert (await vic.get("/api/v1/triggers")).json()["items"] == [made]
        assert (await vic.post(f"/api/v1/triggers/{made['id']}/fire")).status_code == 403


async def test_lists_are_paged_newest_first(world: World) -> None:
    ids = [(await world.trigger())["id"] for _ in range(3)]
    first = (await world.client.get("/api/v1/triggers", params={"limit": 2})).json()
    second = (await world.client.get("/api/v1/triggers", params={"cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in first["items"] + second["items"]] == ids[::-1]


async def test_other_modules_make_triggers_over_the_bus(world: World) -> None:
    bus = world.bus.module("bots")
    made = await bus.request(CreateTrigger(name="b", schedule=EVERY_HOUR, action=TOOL, enabled=False))
    assert isinstance(made, TriggerMade)
    assert (await world.ask("GET", made.trigger_id))["enabled"] is False
    wrong = await bus.request(CreateTrigger(name="b", schedule={}, action=TOOL))
    assert wrong == TriggerRefused("The trigger is not valid: Object missing required field `cron` - at `$.schedule`.")
    missing = await bus.request(CreateTrigger(name="b", schedule=EVERY_HOUR, action={"kind": "plan", "plan_id": "p2"}))
    assert missing == TriggerRefused("The trigger cannot be saved: There is no plan p2.")
