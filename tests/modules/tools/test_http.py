"""Tools over HTTP, in the whole server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.application import RunningApplication, running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningApplication]:
    async with running(tmp_path, environ={"VIVESPHERE_TOOLS_RATE": "0.001", "VIVESPHERE_TOOLS_BURST": "6"}) as server:
        yield server


async def _run(server: RunningApplication, tool: str, body: Any) -> Any:
    return await server.client.post(f"/api/v1/tools/{tool}/run", json=body)


async def test_the_way_of_a_tool_over_http(server: RunningApplication) -> None:
    listed = (await server.client.get("/api/v1/tools", params={"query": "words", "limit": 1})).json()
    assert [each["name"] for each in listed["items"]] == ["text.count_words"]
    assert (await server.client.get("/api/v1/tools/text.count_words")).json() == listed["items"][0]

    answer = await _run(server, "text.count_words", {"arguments": {"text": "a b"}})
    assert answer.status_code == 200
    assert answer.json()["result"] == {"words": 2, "characters": 3, "lines": 1}
    assert answer.json()["status"] == "ok"

    failed = (await _run(server, "math.evaluate", {"arguments": {"expression": "1/0"}, "dry_run": True})).json()
    assert (failed["status"], failed["result"], failed["dry_run"]) == ("failed", None, True)
    assert failed["detail"] == "That divides by zero."

    runs = server.context("tools")
    assert (await server.client.get("/api/v1/tools/math.evaluate/executions")).status_code == 200
    assert runs.services.health()["tools"].status == "ok"


@pytest.mark.parametrize(
    ("tool", "body", "status", "said"),
    [
        ("text.count_word", {}, 404, "Did you mean text.count_words"),
        ("text.count_words", {"arguments": {"text": 1}}, 422, "/arguments/text"),
        ("text.count_words", {"argument": {}}, 422, "argument"),
        ("text.count_words", {"arguments": []}, 422, "/arguments"),
    ],
)
async def test_a_refusal_is_a_problem(server: RunningApplication, tool: str, body: Any, status: int, said: str) -> None:
    answer = await _run(server, tool, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["type"].endswith("tool-unknown" if status == 404 else "invalid-input")
    assert said in answer.text


async def test_too_fast_says_when_to_come_back(server: RunningApplication) -> None:
    answers = [await _run(server, "random.make_uuid", {}) for _ in range(7)]
    assert [each.status_code for each in answers] == [200] * 6 + [429]
    assert int(answers[-1].headers["retry-after"]) > 100


async def test_nobody_runs_a_tool_without_signing_in(server: RunningApplication) -> None:
    assert (await server.anonymous.get("/api/v1/tools")).status_code == 401
    assert (await server.anonymous.post("/api/v1/tools/random.make_uuid/run", json={})).status_code == 401


async def test_an_unknown_tool_is_not_found(server: RunningApplication) -> None:
    for path in ("/api/v1/tools/nope", "/api/v1/tools/nope/executions"):
        assert (await server.client.get(path)).status_code == 404
    assert (await server.client.get("/api/v1/tools", params={"cursor": "x"})).status_code == 422
