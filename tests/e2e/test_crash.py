"""SIGKILL strikes a real server in the middle of a plan."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.process import serving
from tests.support.target import Target
from tests.support.waiting import until

ENVIRON = {"VIVESPHERE_EFFECTS_ALLOW_PRIVATE_ADDRESSES": "true"}


def start_run(client: httpx.Client, steps: list[dict[str, Any]]) -> str:
    plan = client.post("/api/v1/plans", json={"name": "crash", "definition": {"steps": steps}})
    assert plan.status_code == 201, plan.text
    run = client.post(f"/api/v1/plans/{plan.json()['id']}/runs", json={"input": {"word": "one"}})
    assert run.status_code == 202, run.text
    return str(run.json()["run_id"])


def run_of(client: httpx.Client, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = client.get(f"/api/v1/runs/{run_id}").raise_for_status().json()
    return run


def post(step: str, url: str) -> dict[str, Any]:
    arguments = {"url": url, "body": {"said": "{{ input.word }}"}}
    return {"id": step, "kind": "tool", "tool": "http.post_json", "arguments": arguments}


def test_a_waiting_run_goes_on_after_sigkill_and_repeats_nothing(tmp_path: Path) -> None:
    with Target().running() as target:
        pause = {"id": "pause", "kind": "wait", "seconds": 3}
        steps = [post("before", f"{target.url}/before"), pause, post("after", f"{target.url}/after")]
        with serving(tmp_path / "data", ENVIRON) as server:
            run_id = start_run(server.client(), steps)
            client = server.client()
            until(lambda: run_of(client, run_id), lambda run: run["status"] == "waiting")
            server.kill()
        assert target.hits == ["POST /before"]
        with serving(tmp_path / "data", ENVIRON) as server:
            client = server.client()
            run = until(lambda: run_of(client, run_id), lambda run: run["status"] not in ("running", "waiting"))
            assert run["status"] == "completed", run
            assert [(step["id"], step["status"], step["attempts"]) for step in run["steps"]] == [
                ("before", "completed", 1),
                ("pause", "completed", 1),
                ("after", "completed", 1),
            ]
            assert server.stop() == 0
        assert target.hits == ["POST /before", "POST /after"]


@pytest.mark.parametrize(
    ("outcome", "hits", "status"),
    [("happened", 1, "completed"), ("retry", 2, "completed"), ("fail", 1, "failed")],
)
def test_sigkill_between_an_effect_and_its_journal_entry_leaves_the_step_unknown(
    tmp_path: Path, outcome: str, hits: int, status: str
) -> None:
    with Target().running() as target:
        with serving(tmp_path / "data", ENVIRON) as server:
            target.on_hit = lambda _: server.process.kill()
            run_id = start_run(server.client(), [post("act", f"{target.url}/act")])
            target.wait_for(1)
            server.kill()
        target.on_hit = lambda _: None
        with serving(tmp_path / "data", ENVIRON) as server:
            client = server.client()
            run = until(lambda: run_of(client, run_id), lambda run: run["status"] != "running")
            assert run["status"] == "blocked", run
            assert run["steps"][0]["status"] == "unknown"
            assert target.hits == ["POST /act"]
            resolved = client.post(f"/api/v1/runs/{run_id}/steps/act/resolve", json={"outcome": outcome})
            assert resolved.status_code == 200, resolved.text
            run = until(lambda: run_of(client, run_id), lambda run: run["status"] not in ("running", "waiting"))
            assert run["status"] == status, run
        assert len(target.hits) == hits
