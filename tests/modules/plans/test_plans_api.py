"""Plans over HTTP: saving them, and everything that can be wrong with them."""

from typing import Any

import pytest
from tests.modules.plans.test_runs import tool, wait
from tests.modules.plans.world import World


async def findings(world: World, definition: Any) -> dict[str, str]:
    answer = await world.client.post("/api/v1/plans", json={"name": "bad", "definition": definition})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    return {each["pointer"]: each["detail"] for each in answer.json()["errors"]}


async def test_a_plan_is_saved_and_shown(world: World) -> None:
    plan_id = await world.plan(tool("one"), name="Morning")
    plan = (await world.client.get(f"/api/v1/plans/{plan_id}")).json()
    assert (plan["name"], plan["version"], plan["project"]) == ("Morning", 1, "default")
    assert plan["definition"] == {"steps": [tool("one")]}
    changed = await world.client.put(f"/api/v1/plans/{plan_id}", json={"name": "Noon", "definition": {"steps": [tool("two")]}})
    assert (changed.json()["name"], changed.json()["version"]) == ("Noon", 2)
    assert (await world.client.get(f"/api/v1/plans/{plan_id}")).json() == changed.json()


async def test_lists_are_paged_newest_first(world: World) -> None:
    ids = [await world.plan(tool("one")) for _ in range(3)]
    first = (await world.client.get("/api/v1/plans", params={"limit": 2})).json()
    second = (await world.client.get("/api/v1/plans", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [plan["id"] for plan in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None
    runs = [(await world.client.post(f"/api/v1/plans/{ids[0]}/runs", json={})).json()["run_id"] for _ in range(3)]
    first = (await world.client.get(f"/api/v1/plans/{ids[0]}/runs", params={"limit": 2})).json()
    assert [run["id"] for run in first["items"]] == runs[:0:-1]
    assert "steps" not in first["items"][0]


async def test_everything_wrong_is_said_at_once(world: World) -> None:
    found = await findings(
        world,
        {
            "steps": [
                7,
                {"id": "1st", "kind": "wait", "seconds": -1},
                {"id": "a", "kind": "tol"},
                {"kind": "tool", "arguments": [], "tool": ""},
                {**tool("a", "text.{{ input.x }}", y="{{ input.x"), "retry": {"max_attempts": 0, "delay_seconds": "x", "n": 1}},
                {"id": "m", "kind": "message", "text": "{{ steps.nope.result }}", "account": 1, "colour": 1, "retry": 3},
                {"id": "w", "kind": "wait"},
                {"id": "u", "kind": "wait", "until": "9999-12-31T23:59:59-14:00", "after": ["a", "mm"]},
                {"id": "v", "kind": "wait", "seconds": "{{ 1 }}", "until": "{{ 2 }}", "after": "a"},
                {"id": "x", "kind": "wait", "until": "2026-01-01T00:00:00", "retry": {}},
            ],
            "name": "no",
        },
    )
    assert found == {
        "/definition/name": "unknown field 'name'; a definition has steps",
        "/definition/steps/0": "a step is an object with id and kind",
        "/definition/steps/1/id": "an id is needed: a letter, then at most 63 letters, digits, _ or -",
        "/definition/steps/1/seconds": "seconds must be a number from 0 to 31622400, or an expression",
        "/definition/steps/2/kind": "a kind is needed: tool, message, wait; did you mean tool?",
        "/definition/steps/3/id": "an id is needed: a letter, then at most 63 letters, digits, _ or -",
        "/definition/steps/3/tool": "tool is needed, as text",
        "/definition/steps/3/arguments": "arguments must be an object",
        "/definition/steps/4/id": "step 'a' is there already, at /steps/2",
        "/definition/steps/4/tool": "a tool is named plainly, without an expression, so that it can be checked now",
        "/definition/steps/4/arguments/y": "'{{ input.x' does not parse: '{{' is never closed with '}}'",
        "/definition/steps/4/retry/n": "unknown field 'n'; retry has max_attempts and delay_seconds",
        "/definition/steps/4/retry/max_attempts": "max_attempts is needed: a whole number from 1 to 100",
        "/definition/steps/4/retry/delay_seconds": "delay_seconds must be a number from 0 to 31622400",
        "/definition/steps/5/colour": "unknown field 'colour' in a message step",
        "/definition/steps/5/bot": "bot is needed, as text",
        "/definition/steps/5/channel": "channel is needed, as text",
        "/definition/steps/5/account": "account must be text",
        "/definition/steps/5/retry": "retry must be an object with max_attempts and delay_seconds",
        "/definition/steps/5/text": "there is no step 'nope'",
        "/definition/steps/6": "a wait step has either seconds or until",
        "/definition/steps/7/until": "until must be a time with its offset, as 2026-12-31T23:59:00+01:00, or an expression",
        "/definition/steps/7/after/1": "there is no step 'mm'; did you mean m?",
        "/definition/steps/8": "a wait step has either seconds or until",
        "/definition/steps/8/after": "after must be a list of step ids",
        "/definition/steps/9/retry": "unknown field 'retry' in a wait step",
        "/definition/steps/9/until": "until must be a time with its offset, as 2026-12-31T23:59:00+01:00, or an expression",
    }


@pytest.mark.parametrize(
    ("definition", "pointer", "detail"),
    [
        ({}, "/definition/steps", "a list of at least one step is needed"),
        ({"steps": []}, "/definition/steps", "a list of at least one step is needed"),
        (
            {"steps": [wait(f"s{n}", 1) for n in range(501)]},
            "/definition/steps",
            "a plan has at most 500 steps; this one has 501",
        ),
        (
            {"steps": [tool("a", after=["c"]), tool("b", after=["a"]), tool("c", x="{{ steps.a.result }}")]},
            "/definition/steps",
            "the steps wait for one another in a circle: a → b → c → a",
        ),
        ({"steps": [tool("a", after=["a"])]}, "/definition/steps", "the steps wait for one another in a circle: a → a"),
        (
            {"steps": [tool("a", x="{{ steps.b.result }}"), tool("b")]},
            "/definition/steps/0/arguments/x",
            "step 'b' does not come before this one, so its result cannot be used here",
        ),
        (
            {"steps": [tool("a"), tool("b", after=[], x=["{{ steps.a.result }}"])]},
            "/definition/steps/1/arguments/x/0",
            "step 'a' does not come before this one, so its result cannot be used here",
        ),
        (
            {"steps": [tool("a", "text.eco")]},
            "/definition/steps/0/tool",
            "there is no tool 'text.eco'; did you mean text.echo?",
        ),
        ({"steps": [tool("a", "zzz")]}, "/definition/steps/0/tool", "there is no tool 'zzz'"),
    ],
)
async def test_a_definition_is_checked(world: World, definition: Any, pointer: str, detail: str) -> None:
    assert await findings(world, definition) == {pointer: detail}
    assert (await world.client.get("/api/v1/plans")).json()["items"] == []


async def test_a_step_may_use_what_comes_before_it_at_any_distance(world: World) -> None:
    await world.plan(tool("a"), tool("b"), tool("c", x="{{ steps.a.result }}", y="{{ steps['b'].result }}"))


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/plans", {"name": "", "definition": {}}, 422),
        ("POST", "/plans", {"name": "x", "definition": []}, 422),
        ("POST", "/plans", {"name": "x", "definition": {"steps": [1]}, "more": 1}, 422),
        ("POST", "/plans", {"definition": {}}, 422),
        ("GET", "/plans/nothing", None, 404),
        ("PUT", "/plans/nothing", {"definition": {"steps": [{"id": "a"}]}}, 404),
        ("POST", "/plans/nothing/runs", {}, 404),
        ("POST", "/plans/nothing/runs", {"input": []}, 422),
        ("GET", "/plans/nothing/runs", None, 404),
        ("GET", "/plans?cursor=rubbish", None, 422),
        ("GET", "/runs/nothing", None, 404),
        ("POST", "/runs/nothing/cancel", None, 404),
        ("POST", "/runs/nothing/steps/a/resolve", {"outcome": "retry"}, 404),
    ],
)
async def test_bad_input_is_a_clear_problem(world: World, method: str, path: str, body: Any, status: int) -> None:
    answer = await world.client.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["detail"]


async def test_permissions_are_asked_for(world: World) -> None:
    plan_id = await world.plan(tool("one"))
    async with world.started.client("vic") as vic:
        assert (await vic.get(f"/api/v1/plans/{plan_id}")).status_code == 200
        assert (await vic.post(f"/api/v1/plans/{plan_id}/runs", json={})).status_code == 403
        assert (await vic.post("/api/v1/plans", json={})).status_code == 403
