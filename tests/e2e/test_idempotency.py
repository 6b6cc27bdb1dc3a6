"""`Idempotency-Key` on every route that makes something: asked again, the answer is the same, and there is one of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.application import RunningApplication, running

PLAN = {"name": "p", "definition": {"steps": [{"id": "one", "kind": "wait", "seconds": 3600}]}}
MAKING = (
    "/api/v1/bots",
    "/api/v1/bots/{bot_id}/accounts",
    "/api/v1/plans",
    "/api/v1/plans/{plan_id}/runs",
    "/api/v1/triggers",
)
REUSED = "urn:vivesphere:problem:idempotency-key-reused"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[RunningApplication]:
    async with running(tmp_path) as app:
        yield app


async def post(app: RunningApplication, path: str, body: Any, key: str | None = "k-1") -> httpx.Response:
    return await app.client.post(path, json=body, headers={} if key is None else {"Idempotency-Key": key})


async def made(app: RunningApplication, path: str, body: Any) -> str:
    answer = (await post(app, path, body, None)).raise_for_status().json()
    return str(answer["id"])


async def asked_for(app: RunningApplication, what: str) -> tuple[str, dict[str, Any], dict[str, Any], str]:
    """Where to make it, two bodies that differ, and where they are listed."""
    match what:
        case "bot":
            return "/api/v1/bots", {"name": "ada"}, {"name": "eve"}, "/api/v1/bots"
        case "account":
            path = f"/api/v1/bots/{await made(app, '/api/v1/bots', {'name': 'grace'})}"
            irc = {"host": "irc.example.org", "nick": "grace", "sasl_username": "grace", "channels": ["#here"]}
            account = {"platform": "irc", "config": irc, "secret": "swordfish"}
            return f"{path}/accounts", account, account | {"secret": "other"}, path
        case "plan":
            return "/api/v1/plans", PLAN, PLAN | {"name": "q"}, "/api/v1/plans"
        case "run":
            path = f"/api/v1/plans/{await made(app, '/api/v1/plans', PLAN)}/runs"
            return path, {"input": {}}, {"input": {"a": 1}}, path
        case _:
            action = {"kind": "tool", "tool": "text.count_words", "arguments": {"text": "a"}}
            trigger = {"name": "t", "schedule": {"cron": "0 * * * *", "timezone": "UTC"}, "action": action}
            return "/api/v1/triggers", trigger, trigger | {"name": "u"}, "/api/v1/triggers"


async def count(app: RunningApplication, listed: str, what: str) -> int:
    found = (await app.client.get(listed)).raise_for_status().json()
    return len(found["accounts" if what == "account" else "items"])


@pytest.mark.parametrize("what", ["bot", "account", "plan", "run", "trigger"])
async def test_asked_again_the_answer_is_the_same_and_there_is_one(app: RunningApplication, what: str) -> None:
    path, body, other, listed = await asked_for(app, what)
    before = await count(app, listed, what)
    answers = await asyncio.gather(*(post(app, path, body) for _ in range(3)))
    answers.append(await post(app, path, body))
    assert {answer.status_code for answer in answers} == {202 if what == "run" else 201}, answers[0].text
    assert len({answer.content for answer in answers}) == 1
    assert await count(app, listed, what) == before + 1
    refused = await post(app, path, other)
    assert (refused.status_code, refused.json()["type"]) == (422, REUSED)
    assert "under a new key" in refused.json()["detail"]
    assert (await post(app, path, body, "k-2")).status_code in {201, 202, 409}


async def test_what_was_refused_is_no_answer(app: RunningApplication) -> None:
    assert (await post(app, "/api/v1/bots", {"name": " "})).status_code == 422
    assert (await post(app, "/api/v1/bots", {"name": "ada"})).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_that_is_none_names_the_header(app: RunningApplication, key: str) -> None:
    answer = await post(app, "/api/v1/bots", {"name": "ada"}, key)
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["errors"][0]["pointer"]


async def test_the_document_names_the_header(app: RunningApplication) -> None:
    paths = (await app.client.get("/schema/openapi.json")).json()["paths"]
    for path in MAKING:
        (header,) = [each for each in paths[path]["post"]["parameters"] if each["in"] == "header"]
        assert (header["name"], header["required"]) == ("Idempotency-Key", False)
        assert "24 hours" in header["description"]
