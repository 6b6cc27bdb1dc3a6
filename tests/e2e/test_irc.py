"""The whole server as a process, a real IRC server as another, and a person on it."""

import os
import sys
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.irc import IrcServer, irc_person, irc_server, until_joined
from tests.support.process import ServerProcess, serving
from tests.support.target import Target
from tests.support.waiting import until


def put_on_irc(client: httpx.Client, server: IrcServer) -> str:
    """A new bot with a started IRC account in #room; its id."""
    bot: str = client.post("/api/v1/bots", json={"name": "Dicer"}).raise_for_status().json()["id"]
    config = {"host": server.host, "port": server.port, "tls": False, "nick": "Dicer", "channels": ["#room"]}
    account = client.post(f"/api/v1/bots/{bot}/accounts", json={"platform": "irc", "config": config}).raise_for_status().json()
    client.post(f"/api/v1/bots/{bot}/accounts/{account['id']}/start").raise_for_status()
    return bot


def state_of(client: httpx.Client, bot: str) -> Any:
    return client.get(f"/api/v1/bots/{bot}").raise_for_status().json()["accounts"][0]["state"]


def start_plan(client: httpx.Client, bot: str) -> str:
    """A run that says something in #room, waits, and says something again; its id."""

    def say(step: str) -> dict[str, Any]:
        return {"id": step, "kind": "message", "bot": bot, "channel": "#room", "text": f"plan: {step}"}

    steps = [say("before"), {"id": "pause", "kind": "wait", "seconds": 3}, say("after")]
    plan = client.post("/api/v1/plans", json={"name": "Story", "definition": {"steps": steps}}).raise_for_status().json()
    return str(client.post(f"/api/v1/plans/{plan['id']}/runs", json={}).raise_for_status().json()["run_id"])


def run_of(client: httpx.Client, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = client.get(f"/api/v1/runs/{run_id}").raise_for_status().json()
    return run


async def test_a_bot_rolls_dice_on_irc_and_comes_back_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with irc_server() as irc, irc_person(irc, "alice", "#room") as alice:
        with serving(data) as server:
            with closing(server.client()) as client:
                bot = put_on_irc(client, irc)
                await until_joined(alice, "Dicer", "#room")
                until(lambda: state_of(client, bot), lambda state: bool(state == "connected"))
            await alice.say("#room", "!roll 2d6")
            assert "2d6" in await alice.hear_from("Dicer", "#room")
            await alice.say("#room", "!rol 2d6")
            assert "Did you mean !roll" in await alice.hear_from("Dicer", "#room")
            with closing(server.client()) as client:
                run_id = start_plan(client, bot)
                assert "plan: before" in await alice.hear_from("Dicer", "#room")
                until(lambda: run_of(client, run_id), lambda run: bool(run["status"] == "waiting"))
            server.kill()
        await alice.hear(":Dicer!", " QUIT ")
        with serving(data) as server:
            await until_joined(alice, "Dicer", "#room")
            assert "plan: after" in await alice.hear_from("Dicer", "#room")
            with closing(server.client()) as client:
                run = until(lambda: run_of(client, run_id), lambda run: bool(run["status"] == "completed"))
            assert [(step["status"], step["attempts"]) for step in run["steps"]] == [("completed", 1)] * 3
            await alice.say("#room", "Dicer: roll 1d4")
            assert "1d4" in await alice.hear_from("Dicer", "#room")
            server.stop()
            await alice.hear(":Dicer!", " QUIT ")
        said = [line for line in alice.heard if "plan: " in line]
        assert len(said) == 2, said


def serving_errands(data: Path) -> AbstractContextManager[ServerProcess]:
    """A server whose plugins are the tests' own."""
    environ = {
        "VIVESPHERE_EFFECTS_ALLOW_PRIVATE_ADDRESSES": "true",
        "PYTHONPATH": os.pathsep.join(map(str, (Path("src").absolute(), Path.cwd()))),
    }
    return serving(data, environ, [sys.executable, "-m", "tests.support.plugged"])


@pytest.mark.parametrize(
    ("command", "hit", "answer", "hits"),
    [
        ("look", "GET /errand", "It says ", 2),
        ("act", "POST /errand", "may or may not have happened", 1),
    ],
)
async def test_a_command_under_which_the_server_is_killed_is_answered_once_and_acts_once(
    tmp_path: Path, command: str, hit: str, answer: str, hits: int
) -> None:
    data = tmp_path / "data"
    async with irc_server() as irc, irc_person(irc, "alice", "#room") as alice:
        with Target().running() as target:
            with serving_errands(data) as server:
                target.on_hit = lambda _: server.process.kill()
                with closing(server.client()) as client:
                    bot = put_on_irc(client, irc)
                    await until_joined(alice, "Dicer", "#room")
                    until(lambda: state_of(client, bot), lambda state: bool(state == "connected"))
                await alice.say("#room", f"!{command} {target.url}/errand")
                await alice.hear(":Dicer!", " QUIT ")
                server.kill()
            target.on_hit = lambda _: None
            assert target.hits == [hit]
            with serving_errands(data) as server:
                await until_joined(alice, "Dicer", "#room")
                assert answer in await alice.hear_from("Dicer", "#room")
                assert target.hits == [hit] * hits
                server.kill()
            await alice.hear(":Dicer!", " QUIT ")
            with serving_errands(data):
                await until_joined(alice, "Dicer", "#room")
                await alice.say("#room", "!help look")
                assert "Read a page" in await alice.hear_from("Dicer", "#room")
        said = [line for line in alice.heard if ":Dicer!" in line and " PRIVMSG " in line]
        assert len(said) == 2, said
