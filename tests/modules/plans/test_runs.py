"""Runs over HTTP, from their start to their end."""

import asyncio
from typing import Any

import pytest
from tests.modules.plans.world import World, running_world

from vivesphere.contracts.plans import CreatePlan, DescribePlan, PlanKnown, PlanRefused, PlanSaved, RunAccepted, StartRun
from vivesphere.contracts.tools import RunTool, ToolFailed, ToolRefused, ToolResult
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import HopLimitExceeded, NotPermitted, RateLimited
from vivesphere.kernel.cause import HOP_LIMIT, Cause, Mode, acting_under
from vivesphere.kernel.db.errors import DatabaseUnavailable

pytestmark = pytest.mark.usefixtures("engine")


def tool(step: str, name: str = "text.echo", /, *, after: list[str] | None = None, **arguments: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"id": step, "kind": "tool", "tool": name, "arguments": arguments}
    return made if after is None else {**made, "after": after}


def wait(step: str, seconds: Any, **more: Any) -> dict[str, Any]:
    return {"id": step, "kind": "wait", "seconds": seconds, **more}


def statuses(run: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["status"] for step in run["steps"]}


async def test_steps_run_in_order_and_hand_their_results_on(world: World) -> None:
    run_id = await world.run(
        tool("one", word="{{ input.word }}"),
        tool("two", all="{{ steps.one.result }}", text="{{ input.word }}!"),
        input={"word": "hi"},
    )
    run = await world.ended(run_id)
    assert run["status"] == "completed"
    assert [step["result"] for step in run["steps"]] == [{"word": "hi"}, {"all": {"word": "hi"}, "text": "hi!"}]
    assert [step["attempts"] for step in run["steps"]] == [1, 1]
    assert run["finished_at"] is not None
    assert [each.topic for each in world.events] == [
        "plans.plan.created",
        "plans.run.started",
        "plans.step.completed",
        "plans.step.completed",
        "plans.run.completed",
    ]


async def test_a_run_acts_for_whoever_started_it_one_hop_further(world: World) -> None:
    await world.ended(await world.run(tool("one")))
    asked, cause = world.tools.asked[0]
    assert asked.idempotency_key is not None
    assert asked.idempotency_key.endswith(":step:one:1")
    assert (cause.actor, cause.hop, cause.mode, cause.project) == (principals.user("ada"), 1, Mode.LIVE, "default")
    started = await world.heard(lambda each: each.topic == "plans.run.started")
    assert started.cause.correlation_id == cause.correlation_id


async def test_a_wait_lasts_as_long_as_it_says(world: World) -> None:
    run_id = await world.run(wait("pause", "{{ input.n }}"), tool("then"), input={"n": 30})
    await world.asleep()
    assert (await world.shown(run_id))["status"] == "waiting"
    await world.clock.advance(29)
    assert statuses(await world.shown(run_id)) == {"pause": "waiting", "then": "pending"}
    await world.clock.advance(1)
    assert (await world.ended(run_id))["status"] == "completed"


async def test_a_wait_until_a_time(world: World) -> None:
    moment = world.clock.now().replace(hour=13)
    run_id = await world.run({"id": "pause", "kind": "wait", "until": "{{ input.at }}"}, input={"at": moment.isoformat()})
    await world.asleep()
    await world.clock.advance(3600)
    assert (await world.ended(run_id))["status"] == "completed"


async def test_a_wait_that_is_over_does_not_wait(world: World) -> None:
    run_id = await world.run(wait("now", 0), {"id": "past", "kind": "wait", "until": "2020-01-01T00:00:00Z"})
    assert statuses(await world.ended(run_id)) == {"now": "completed", "past": "completed"}


async def test_a_branch_that_waits_does_not_hold_up_the_other(world: World) -> None:
    run_id = await world.run(wait("slow", 60), tool("quick", after=[]), tool("both", after=["slow", "quick"]))
    await world.asleep()
    assert statuses(await world.shown(run_id)) == {"slow": "waiting", "quick": "completed", "both": "pending"}
    await world.clock.advance(60)
    assert (await world.ended(run_id))["status"] == "completed"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (tool("bad", x="{{ input.missing }}"), "'input.missing' is undefined"),
        (wait("bad", "{{ input.n }}"), "seconds is 'soon', which is not a number from 0 to 31622400"),
        ({"id": "bad", "kind": "wait", "until": "{{ input.n }}"}, "until is 'soon', which is not a time with its offset"),
        ({"id": "bad", "kind": "message", "bot": "nobody", "channel": "c", "text": "t"}, "There is no bot nobody."),
    ],
)
async def test_a_step_that_cannot_be_done_fails_the_run(world: World, step: dict[str, Any], said: str) -> None:
    run = await world.ended(await world.run(step, tool("never"), input={"n": "soon"}))
    assert run["status"] == "failed"
    assert statuses(run) == {"bad": "failed", "never": "skipped"}
    assert said in run["steps"][0]["detail"]
    assert run["detail"] == f"Step 'bad': {run['steps'][0]['detail']}"


async def test_a_failure_ends_waits_too(world: World) -> None:
    run = await world.ended(await world.run(wait("slow", 60), tool("bad", "text.echo", after=[], x="{{ input.no }}")))
    assert statuses(run) == {"slow": "skipped", "bad": "failed"}


async def test_a_message_is_queued_once_for_its_step(world: World) -> None:
    message = {"id": "say", "kind": "message", "bot": "b1", "account": "a1", "channel": "#c", "text": "n is {{ input.n }}"}
    run = await world.ended(await world.run(message, input={"n": 3}))
    (sent,) = world.bots.queued.values()
    assert (sent.bot_id, sent.account_id, sent.channel, sent.text) == ("b1", "a1", "#c", "n is 3")
    assert run["steps"][0]["result"] == {"message_id": f"message for {sent.idempotency_key}"}


async def test_a_known_failure_is_tried_again_after_the_pause(world: World) -> None:
    async def flaky(asked: RunTool) -> ToolResult | ToolFailed:
        if len(world.tools.asked) < 3:
            return ToolFailed(reason="error", detail="not yet", duration_ms=1)
        return ToolResult(result="at last", duration_ms=1)

    world.tools.answers["net.flaky"] = flaky
    run_id = await world.run({**tool("try", "net.flaky"), "retry": {"max_attempts": 3, "delay_seconds": 10}})
    await world.asleep()
    shown = (await world.shown(run_id))["steps"][0]
    assert (shown["status"], shown["detail"], shown["attempts"]) == ("waiting", "not yet", 1)
    await world.clock.advance(10)
    await world.asleep()
    await world.clock.advance(10)
    run = await world.ended(run_id)
    assert (run["status"], run["steps"][0]["attempts"], run["steps"][0]["result"]) == ("completed", 3, "at last")
    assert len({asked.idempotency_key for asked, _ in world.tools.asked}) == 3


async def test_attempts_come_to_an_end(world: World) -> None:
    async def broken(asked: RunTool) -> ToolFailed:
        return ToolFailed(reason="error", detail="never", duration_ms=1)

    world.tools.answers["net.broken"] = broken
    run = await world.ended(await world.run({**tool("try", "net.broken"), "retry": {"max_attempts": 2}}))
    assert (run["status"], run["steps"][0]["attempts"], run["steps"][0]["detail"]) == ("failed", 2, "never")


async def test_a_refusal_for_rate_is_waited_out_and_counts_as_no_attempt(world: World) -> None:
    async def busy(asked: RunTool) -> ToolRefused | ToolResult:
        if len(world.tools.asked) == 1:
            return ToolRefused(reason="rate_limited", detail="too fast", retry_after=7.0)
        return ToolResult(result=None, duration_ms=1)

    world.tools.answers["net.busy"] = busy
    run_id = await world.run(tool("try", "net.busy"))
    await world.asleep()
    await world.clock.advance(6)
    assert (await world.shown(run_id))["status"] == "waiting"
    await world.clock.advance(1)
    run = await world.ended(run_id)
    assert (run["status"], run["steps"][0]["attempts"]) == ("completed", 1)
    assert len({asked.idempotency_key for asked, _ in world.tools.asked}) == 1


@pytest.mark.parametrize(("reason", "status"), [("unknown_outcome", "blocked"), ("timeout", "failed"), ("error", "failed")])
async def test_only_a_tool_that_says_so_is_in_doubt(world: World, reason: str, status: str) -> None:
    async def slow(asked: RunTool) -> ToolFailed:
        return ToolFailed(reason=reason, detail="It took more than 1 s", duration_ms=1000)

    world.tools.answers["net.slow"] = slow
    assert (await world.ended(await world.run(tool("try", "net.slow"))))["status"] == status


async def test_what_the_bus_refuses_is_known_to_have_failed(world: World) -> None:
    async def refuse(asked: RunTool) -> ToolResult:
        raise NotPermitted("user:ada lacks tools.tool.run")

    world.tools.answers["net.refused"] = refuse
    run = await world.ended(await world.run(tool("try", "net.refused")))
    assert (run["status"], run["steps"][0]["detail"]) == ("failed", "user:ada lacks tools.tool.run")


async def test_a_tool_that_is_gone_by_then_fails_the_run(world: World) -> None:
    world.tools.answers["net.brief"] = world.tools.answers["text.echo"]
    plan_id = await world.plan(tool("try", "net.brief"))
    del world.tools.answers["net.brief"]
    run_id = (await world.client.post(f"/api/v1/plans/{plan_id}/runs", json={})).json()["run_id"]
    run = await world.ended(run_id)
    assert (run["status"], run["steps"][0]["detail"]) == ("failed", "There is no tool net.brief.")


async def test_what_the_bus_will_not_carry_yet_is_asked_again(world: World) -> None:
    async def throttled(asked: RunTool) -> ToolResult:
        if len(world.tools.asked) == 1:
            raise RateLimited("too fast", 2.0)
        return ToolResult(result=1, duration_ms=1)

    world.tools.answers["net.throttled"] = throttled
    run_id = await world.run(tool("try", "net.throttled"))
    await world.asleep()
    await world.clock.advance(2)
    run = await world.ended(run_id)
    assert (run["status"], run["steps"][0]["attempts"]) == ("completed", 1)
    assert len({asked.idempotency_key for asked, _ in world.tools.asked}) == 1


async def test_an_answer_that_breaks_leaves_the_outcome_open(world: World) -> None:
    async def broken(asked: RunTool) -> ToolResult:
        raise ZeroDivisionError("oh")

    world.tools.answers["net.broken"] = broken
    run = await world.ended(await world.run(tool("try", "net.broken")))
    assert (run["status"], run["steps"][0]["status"]) == ("blocked", "unknown")
    assert "ZeroDivisionError: oh" in run["detail"]


async def test_an_answer_that_never_comes_leaves_the_outcome_open() -> None:
    async with running_world() as world:
        await world.stop()
        world.environ["VIVESPHERE_PLANS_STEP_TIMEOUT"] = "0.01"
        await world.start()

        async def silent(asked: RunTool) -> ToolResult:
            await asyncio.Event().wait()
            raise AssertionError

        world.tools.answers["net.silent"] = silent
        run = await world.ended(await world.run(tool("try", "net.silent")))
        assert (run["status"], run["steps"][0]["status"]) == ("blocked", "unknown")


async def blocked(world: World) -> str:
    """A run whose one writing step begun its act in an earlier life and never heard the end of it."""
    world.tools.answers["net.odd"] = _odd()
    run_id = await world.run(tool("act", "net.odd"), tool("then", x="{{ steps.act.result }}"))
    assert (await world.ended(run_id))["status"] == "blocked"
    return run_id


def _odd() -> Any:
    asked_before: set[str | None] = set()

    async def odd(asked: RunTool) -> ToolFailed | ToolResult:
        if not asked_before:
            asked_before.add(asked.idempotency_key)
            return ToolFailed(reason="unknown_outcome", detail="Nobody knows.", duration_ms=1)
        assert asked.idempotency_key not in asked_before
        return ToolResult(result="again", duration_ms=1)

    return odd


@pytest.mark.parametrize(
    ("outcome", "status", "steps", "result"),
    [
        ("happened", "completed", {"act": "completed", "then": "completed"}, None),
        ("retry", "completed", {"act": "completed", "then": "completed"}, "again"),
        ("fail", "failed", {"act": "failed", "then": "skipped"}, None),
    ],
)
async def test_a_person_decides_about_an_unknown_outcome(
    world: World, outcome: str, status: str, steps: dict[str, str], result: Any
) -> None:
    run_id = await blocked(world)
    answer = await world.client.post(f"/api/v1/runs/{run_id}/steps/act/resolve", json={"outcome": outcome})
    assert answer.status_code == 200, answer.text
    run = await world.ended(run_id, "plans.run.completed", "plans.run.failed")
    assert (run["status"], statuses(run), run["steps"][0]["result"]) == (status, steps, result)
    again = await world.client.post(f"/api/v1/runs/{run_id}/steps/act/resolve", json={"outcome": outcome})
    assert again.status_code == 409


async def test_only_a_blocked_run_is_resolved(world: World) -> None:
    run_id = await blocked(world)
    url = f"/api/v1/runs/{run_id}/steps"
    assert (await world.client.post(f"{url}/nothing/resolve", json={"outcome": "retry"})).status_code == 404
    assert (await world.client.post(f"{url}/act/resolve", json={"outcome": "maybe"})).status_code == 422
    assert (await world.client.post(f"/api/v1/runs/{run_id}/cancel")).status_code == 200
    answer = await world.client.post(f"{url}/act/resolve", json={"outcome": "retry"})
    assert (answer.status_code, answer.json()["detail"]) == (409, f"The run {run_id} is over: it is cancelled.")


async def test_cancelling_a_waiting_run(world: World) -> None:
    run_id = await world.run(wait("pause", 60), tool("never"))
    await world.asleep()
    answer = await world.client.post(f"/api/v1/runs/{run_id}/cancel")
    assert answer.status_code == 200
    assert (answer.json()["status"], statuses(answer.json())) == ("cancelled", {"pause": "skipped", "never": "skipped"})
    assert answer.json()["detail"] == "Cancelled by user:ada."
    await world.clock.advance(100)
    assert not world.tools.asked
    assert (await world.client.post(f"/api/v1/runs/{run_id}/cancel")).status_code == 409
    await world.heard(lambda each: each.topic == "plans.run.cancelled")


async def test_an_act_that_met_a_full_disk_is_asked_for_again_under_its_key(world: World) -> None:
    asked: list[RunTool] = []

    async def full_at_first(request: RunTool) -> ToolResult:
        asked.append(request)
        if len(asked) == 1:
            raise DatabaseUnavailable("disk full")
        return ToolResult(result="done", duration_ms=0.1)

    world.tools.answers["net.write"] = full_at_first
    run_id = await world.run(tool("act", "net.write"))
    await world.asleep()
    await world.clock.advance(1)
    assert (await world.ended(run_id))["status"] == "completed"
    assert asked[0] == asked[1]


async def test_cancelling_in_the_middle_of_an_act_says_that_it_may_have_happened(world: World) -> None:
    begun = asyncio.Event()

    async def slow(asked: RunTool) -> ToolResult:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    world.tools.answers["net.slow"] = slow
    run_id = await world.run(tool("act", "net.slow"))
    await begun.wait()
    run = (await world.client.post(f"/api/v1/runs/{run_id}/cancel")).json()
    assert (run["status"], run["steps"][0]["status"]) == ("cancelled", "unknown")
    assert "may or may not have acted" in run["steps"][0]["detail"]


async def test_a_dry_run_acts_in_shadow_and_does_not_wait(world: World) -> None:
    message = {"id": "say", "kind": "message", "bot": "b1", "channel": "#c", "text": "hi"}
    run = await world.ended(await world.run(tool("one"), wait("pause", 3600), message, dry_run=True))
    assert (run["status"], run["dry_run"]) == ("completed", True)
    assert run["steps"][1]["detail"] == "a dry run does not wait"
    ((asked, cause),) = world.tools.asked
    assert (asked.dry_run, cause.mode) == (True, Mode.SHADOW)
    assert not world.bots.queued


async def test_a_run_that_a_dry_run_starts_is_dry_too(world: World) -> None:
    plan_id = await world.plan(tool("one"))
    cause = Cause(source=principals.module("tools"), actor=principals.user("ada"), mode=Mode.SHADOW)
    with acting_under(cause):
        reply = await world.bus.module("tools").request(StartRun(plan_id=plan_id))
    assert isinstance(reply, RunAccepted)
    assert (await world.ended(reply.run_id))["dry_run"] is True


async def test_a_run_stays_on_the_version_it_began_with(world: World) -> None:
    plan_id = await world.plan(wait("pause", 5), tool("old", v="old"))
    run_id = (await world.client.post(f"/api/v1/plans/{plan_id}/runs", json={})).json()["run_id"]
    await world.asleep()
    answer = await world.client.put(f"/api/v1/plans/{plan_id}", json={"definition": {"steps": [tool("new")]}})
    assert (answer.status_code, answer.json()["version"], answer.json()["name"]) == (200, 2, "a plan")
    await world.clock.advance(5)
    run = await world.ended(run_id)
    assert (run["version"], run["steps"][1]["result"]) == (1, {"v": "old"})


async def test_the_same_key_starts_one_run(world: World) -> None:
    plan_id, other = await world.plan(tool("one", e="{{ event.k }}")), await world.plan(tool("two"))
    bus = world.bus.module("triggers")
    first = await bus.request(StartRun(plan_id=plan_id, event={"k": 1}, idempotency_key="k"))
    assert isinstance(first, RunAccepted)
    assert await bus.request(StartRun(plan_id=plan_id, event={"k": 2}, idempotency_key="k")) == first
    refused = await bus.request(StartRun(plan_id=other, idempotency_key="k"))
    assert isinstance(refused, PlanRefused)
    assert "'k' belongs to a run of another plan" in refused.detail
    assert (await world.ended(first.run_id))["steps"][0]["result"] == {"e": 1}


async def test_other_modules_ask_over_the_bus(world: World) -> None:
    bus = world.bus.module("triggers")
    saved = await bus.request(CreatePlan(name="by bus", definition={"steps": [tool("one")]}))
    assert isinstance(saved, PlanSaved)
    assert await bus.request(DescribePlan(plan_id=saved.plan_id)) == PlanKnown("by bus", 1)
    bad = await bus.request(CreatePlan(name="bad", definition={"steps": [tool("one", "text.eco")]}))
    assert bad == PlanRefused(
        "The plan cannot be saved: 1 thing to correct. /steps/0/tool: there is no tool 'text.eco'; did you mean text.echo?."
    )
    described, started = await bus.request(DescribePlan(plan_id="no")), await bus.request(StartRun(plan_id="no"))
    assert isinstance(described, PlanRefused)
    assert started == described


async def test_a_chain_of_runs_ends_at_the_hop_limit(world: World) -> None:
    plan_id = await world.plan(tool("one"))
    source = principals.module("triggers")
    with acting_under(Cause(source=source, actor=source, hop=HOP_LIMIT - 1)), pytest.raises(HopLimitExceeded):
        await world.bus.module("triggers").request(StartRun(plan_id=plan_id))
    runs = (await world.client.get(f"/api/v1/plans/{plan_id}/runs")).json()
    assert runs == {"items": [], "next_cursor": None}


async def test_what_a_run_does_is_caused_by_its_having_been_started(world: World) -> None:
    run_id = await world.run(tool("one"), tool("two"))
    await world.ended(run_id)
    of_run = [each for each in world.events if getattr(each.payload, "run_id", None) == run_id]
    started = of_run[0]
    assert (started.topic, started.cause.causation_id) == ("plans.run.started", None)
    assert len(of_run) > 2
    assert {each.cause.causation_id for each in of_run[1:]} == {started.id}
    assert {each.cause.correlation_id for each in of_run} == {started.cause.correlation_id}
